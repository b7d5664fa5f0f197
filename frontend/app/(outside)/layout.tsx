import type { ReactNode } from "react";
import { Welcome } from "@/components/welcome";

export default function OutsideLayout({ children }: { children: ReactNode }) {
  return <Welcome>{children}</Welcome>;
}
