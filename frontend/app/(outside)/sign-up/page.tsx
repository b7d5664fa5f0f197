import type { Metadata } from "next";
import { SignUp } from "@/components/sign-up";

export const metadata: Metadata = { title: "Make an account" };

export default function Page() {
  return <SignUp />;
}
