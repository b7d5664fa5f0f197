import type { Metadata } from "next";
import { Playlist } from "@/components/playlist";

export const metadata: Metadata = { title: "My playlist" };

export default function Page() {
  return <Playlist />;
}
