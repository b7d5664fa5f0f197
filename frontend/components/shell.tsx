"use client";

import Link from "next/link";
import { usePathname, useRouter } from "next/navigation";
import { Fragment, type ReactNode, useEffect } from "react";
import { Icon, Logo } from "@/components/icons";
import { ThemeButton } from "@/components/theme";
import { signInAddress } from "@/lib/addresses";
import { Problem, signOut } from "@/lib/api";
import { session } from "@/lib/session";
import { findOut, followOtherTabs } from "@/lib/tabs";
import { toast } from "@/lib/toasts";

const RETRY = 4000; // milliseconds

/** The frame of all pages that need somebody to be signed in. */
export function Shell({ children }: { children: ReactNode }) {
  const now = useGuard();
  return (
    <>
      <a className="skip" href="#main">
        Skip to content
      </a>
      <header className="bar">
        <div className="bar-inner">
          <Link className="brand" href="/playlist">
            <Logo />
            Playlist
          </Link>
          <Navigation />
        </div>
      </header>
      <main id="main" tabIndex={-1}>
        {now.state !== "out" && (
          // Somebody else's page begins anew.
          <Fragment key={now.state === "in" ? now.user.id : "unknown"}>{children}</Fragment>
        )}
      </main>
    </>
  );
}

function Navigation() {
  const path = usePathname();
  const current = (address: string) => (path === address ? ("page" as const) : undefined);
  return (
    <nav aria-label="Main">
      <Link className="bar-link add" href="/add" aria-current={current("/add")}>
        <Icon name="plus" />
        <span>Add movie</span>
      </Link>
      <Link className="bar-link" href="/account" aria-current={current("/account")}>
        <Icon name="person" />
        <span>Account</span>
      </Link>
      <ThemeButton />
      <button className="bar-link" onClick={leave}>
        <Icon name="leave" />
        <span>Sign out</span>
      </button>
    </nav>
  );
}

function leave(): void {
  signOut().catch((problem: unknown) => {
    if (!(problem instanceof Problem)) throw problem;
    toast(`You are still signed in. ${problem.message}`);
  });
}

/** Finds out who is signed in, and leads to the sign-in page when nobody is. */
function useGuard() {
  const router = useRouter();
  const now = session.use();
  const { state } = now;

  useEffect(() => {
    if (state !== "unknown") return;
    let timer = 0;
    const look = () =>
      void findOut().catch((problem: unknown) => {
        if (!(problem instanceof Problem)) throw problem;
        timer = window.setTimeout(look, RETRY);
      });
    look();
    return () => clearTimeout(timer);
  }, [state]);

  useEffect(followOtherTabs, []);

  useEffect(() => {
    if (now.state === "out") router.replace(signInAddress(now.why));
  }, [now, router]);

  return now;
}
