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
  const wanted = new URLSearchParams(location.search).get("next") ?? "/playlist";
  const url = URL.canParse(wanted, location.origin) && new URL(wanted, location.origin);
  return url && url.origin === location.origin ? url.pathname + url.search : "/playlist";
}
