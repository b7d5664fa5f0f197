import type { Why } from "@/lib/session";

/** The sign-in page, which tells why one is there, and leads back to where one was. */
export function signInAddress(why: Why): string {
  const here = location.pathname + location.search;
  const query = new URLSearchParams();
  if (why !== "never") query.set("why", why);
  if (["ended", "never"].includes(why) && here !== "/playlist") query.set("next", here);
  return `/sign-in${query.size > 0 ? `?${query}` : ""}`;
}

/** Where to go after signing in: a page of this site only, whatever the address says. */
export function comeBackAddress(): string {
  const next = new URLSearchParams(location.search).get("next") ?? "";
  if (!URL.canParse(next, location.origin)) return "/playlist";
  const url = new URL(next, location.origin);
  const path = url.pathname + url.search + url.hash;
  // The path alone must lead to the same address again: that of `/.//host` is `//host`, another site.
  const same = url.origin === location.origin && new URL(path, location.origin).href === url.href;
  return same ? path : "/playlist";
}
