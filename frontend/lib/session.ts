import { dropDrafts, holdDrafts, restoreDrafts } from "@/lib/draft";
import { Store } from "@/lib/store";
import { readJson, storage, writeJson } from "@/lib/storage";
import type { User } from "@/lib/api";

/** Why nobody is signed in: the session ended, somewhere; a logout or a farewell here; never was. */
export type Why = "ended" | "left" | "deleted" | "never";

export type Session =
  | { state: "unknown" }
  | { state: "in"; user: User }
  | { state: "out"; why: Why };

const USER = "user";

export const session = new Store<Session>({ state: "unknown" });

/** Who was signed in last, so that a reload shows them at once. */
export function rememberedUser(): User | undefined {
  return readJson<User>(storage(), USER);
}

export function signedIn(user: User): void {
  writeJson(storage(), USER, user);
  restoreDrafts(user.id);
  session.set({ state: "in", user });
}

/** Leaves nothing of the user in the browser's storage. The client has removed the token. */
export function signedOut(why: Why): void {
  storage()?.removeItem(USER);
  if (why === "left" || why === "deleted") dropDrafts();
  else holdDrafts();
  if (session.get().state !== "out") session.set({ state: "out", why });
}
