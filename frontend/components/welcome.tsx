"use client";

import { usePathname, useRouter } from "next/navigation";
import { type ReactNode, useEffect } from "react";
import { Logo } from "@/components/icons";
import { Drawing } from "@/components/poster";
import { ThemeButton } from "@/components/theme";
import { comeBackAddress } from "@/lib/addresses";
import { api } from "@/lib/api";
import { session } from "@/lib/session";
import { findOut, followOtherTabs } from "@/lib/tabs";

const SHOWN = ["Metropolis", "Solaris", "Heat", "Ronin", "Stalker", "Alien", "Playtime", "Ran"];

/** The frame of the pages for those who are not signed in. */
export function Welcome({ children }: { children: ReactNode }) {
  useWayIn();
  return (
    <div className="welcome">
      <header className="stage">
        <div className="stage-head">
          <p className="brand">
            <Logo />
            Playlist
          </p>
          <ThemeButton />
        </div>
        <div className="stage-words" aria-hidden="true">
          <p>Every movie you mean to see, in one calm place.</p>
        </div>
        <div className="collage" aria-hidden="true">
          {SHOWN.map((title) => (
            <div className="poster" key={title}>
              <Drawing title={title} />
            </div>
          ))}
        </div>
      </header>
      <main id="main">
        <div className="panel">{children}</div>
      </main>
    </div>
  );
}

/**
 * Leads whoever is signed in, here or just now in another tab, to where they wanted to go. A mailed
 * link is followed whoever is signed in.
 */
function useWayIn(): void {
  const router = useRouter();
  const path = usePathname();
  const { state } = session.use();
  useEffect(followOtherTabs, []);
  useEffect(() => {
    if (state === "unknown" && api().isSignedIn()) findOut().catch(() => undefined);
    if (state === "in" && path.startsWith("/sign-")) router.replace(comeBackAddress());
  }, [state, path, router]);
}
