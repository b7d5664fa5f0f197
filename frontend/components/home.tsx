"use client";

import { useRouter } from "next/navigation";
import { useEffect } from "react";

/** Leads to the playlist, which asks who is there. */
export function Home() {
  const router = useRouter();
  useEffect(() => router.replace("/playlist"), [router]);
  return (
    <main className="lone">
      <h1>Playlist</h1>
      <noscript>
        <p>Playlist needs JavaScript, which is switched off in this browser.</p>
      </noscript>
    </main>
  );
}
