import type { Metadata } from "next";
import { Import } from "@/components/import";

export const metadata: Metadata = { title: "Import and export" };

export default function Page() {
  return <Import />;
}
