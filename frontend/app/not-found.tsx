import Link from "next/link";
import { Drawing } from "@/components/poster";

export default function NotFound() {
  return (
    <main className="lone">
      <div className="poster small">
        <Drawing title="404" />
      </div>
      <h1>There is nothing at this address</h1>
      <p>It may have been mistyped, or have moved.</p>
      <Link className="button" href="/playlist">
        To the playlist
      </Link>
    </main>
  );
}
