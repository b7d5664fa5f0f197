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
  session.set({ state: "in", user });
}

export function signedOut(why: Why): void {
  if (session.get().state !== "out") session.set({ state: "out", why });
}

export function forgetUser(): void {
  storage()?.removeItem(USER);
}
