import { api, ask } from "@/lib/api";
import { rememberedUser, session, signedIn, signedOut } from "@/lib/session";

const TOKEN = "accessToken";

/**
 * Finds out whether somebody is signed in: whoever has a token is, until a call shows otherwise;
 * and where there is none, the cookie of an earlier visit may bring one.
 * Throws a `Problem` when the service cannot be asked.
 */
export async function findOut(): Promise<void> {
  const [known, fresh] = [rememberedUser(), session.get().state === "unknown"];
  if (fresh && known && api().isSignedIn()) session.set({ state: "in", user: known });
  try {
    const user = await (api().isSignedIn() ? ask(api().GET("/me")) : renewed());
    signedIn(user);
  } catch (problem) {
    if (isRefusal(problem)) signedOut("never");
    else if (session.get().state === "unknown") throw problem;
  }
}

async function renewed() {
  return (await ask(api().POST("/auth/refresh"))).user;
}

function isRefusal(problem: unknown): boolean {
  return [401, 403].includes((problem as { status?: number }).status ?? 0);
}

/** Follows what other tabs do to the session. Returns how to stop. */
export function followOtherTabs(): () => void {
  const onStorage = ({ key, newValue }: StorageEvent) => {
    // An event may come late: what counts is whether there is a token now.
    if ((key === null || key === TOKEN) && !api().isSignedIn()) signedOut("ended");
    // A token that is renewed is no news; one of somebody else is.
    if (key === "user" && newValue !== null) syncUser();
    if (key === TOKEN && api().isSignedIn() && session.get().state === "out") void findOut();
  };
  window.addEventListener("storage", onStorage);
  return () => window.removeEventListener("storage", onStorage);
}

function syncUser(): void {
  const [now, user] = [session.get(), rememberedUser()];
  if (user && now.state === "in" && now.user.updatedAt !== user.updatedAt) signedIn(user);
}
