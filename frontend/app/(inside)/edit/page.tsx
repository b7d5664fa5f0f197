import type { Metadata } from "next";
import { EditMovie } from "@/components/edit-movie";

export const metadata: Metadata = { title: "Edit a movie" };

export default function Page() {
  return <EditMovie />;
}
