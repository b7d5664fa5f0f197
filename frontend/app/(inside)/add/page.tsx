import type { Metadata } from "next";
import { AddMovie } from "@/components/add-movie";

export const metadata: Metadata = { title: "Add a movie" };

export default function Page() {
  return <AddMovie />;
}
