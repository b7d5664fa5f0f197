import createClient, { type Client } from "openapi-fetch";
import type { components, paths } from "./schema.js";

export type { components, operations, paths } from "./schema.js";

/** What the API's calls take and give, by the names of its document: `Schemas["Movie"]`. */
export type Schemas = components["schemas"];

/** What is used of a Web Storage, such as `localStorage`. */
export interface TokenStorage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

/** How to make a client. */
export interface PlaylistClientOptions {
  /** Where the service is, such as `http://localhost:3001`. */
  baseUrl: string;
  /**
   * Where to keep the access token, under the key `accessToken`: all tabs that are given
   * `localStorage` share it, and it outlives reloads. Without one it is kept in memory.
   */
  storage?: TokenStorage | undefined;
  /**
   * Called once when a refresh is refused, so that somebody who was signed in no longer is. Not
   * called after a logout, nor when no token was held to begin with.
   */
  onSignedOut?: (() => void) | undefined;
  /** Sends each request; the global `fetch` unless given. */
  fetch?: ((request: Request) => Promise<Response>) | undefined;
}

/** A client: `GET`, `POST`, `PUT`, `PATCH` and `DELETE`, typed by the API's document. */
export interface PlaylistClient extends Client<paths> {
  /**
   * Says whether an access token is held. It may have expired, and the service has the last word;
   * and where there is none yet, the cookie of an earlier visit may still bring one.
   */
  isSignedIn(): boolean;
}

const KEY = "accessToken";
const REFRESHES = /\/auth\/refresh$/;
const SIGNS_IN = /\/auth\/(login|signup)$/;
const SIGNS_OUT = /^(POST .*\/auth\/logout|DELETE .*\/me)$/;

/**
 * Makes a client that keeps its user signed in.
 *
 * It keeps the access token of each signup, login and refresh, sends it with each call, and forgets
 * it after a logout. A call that is answered with 401 is sent once more with a new token, for which
 * there is one refresh however many calls wait for it. When the refresh is refused, the calls end
 * with their 401; when it fails otherwise, nobody is signed out, and the calls end as it did: with
 * its answer, or with what `fetch` threw.
 */
export function createPlaylistClient(options: PlaylistClientOptions): PlaylistClient {
  const { storage, onSignedOut, fetch = (request) => globalThis.fetch(request) } = options;
  const baseUrl = options.baseUrl.replace(/\/$/, "");
  let inMemory: string | null = null;
  let signInsAndOuts = 0;
  let renewal: Promise<Response> | undefined;
  let renewing = false;

  function token(): string | null {
    return storage ? storage.getItem(KEY) : inMemory;
  }

  function keep(accessToken: string | null): void {
    inMemory = accessToken;
    if (accessToken === null) storage?.removeItem(KEY);
    else storage?.setItem(KEY, accessToken);
  }

  function signInOrOut(accessToken: string | null): void {
    signInsAndOuts += 1;
    keep(accessToken);
  }

  function authorize(request: Request): Request {
    const held = token();
    if (held !== null) request.headers.set("Authorization", `Bearer ${held}`);
    return request;
  }

  async function refresh(request: Request): Promise<Response> {
    const [held, before] = [token(), signInsAndOuts];
    const response = await fetch(authorize(request));
    const renewed = response.ok ? await accessTokenOf(response) : null;
    // Who signed in or out meanwhile, here or in another tab, must not find it undone.
    if (signInsAndOuts !== before || token() !== held) return response;
    if (renewed !== null) {
      keep(renewed);
    } else if (isRefusal(response) && held !== null) {
      signInOrOut(null);
      onSignedOut?.();
    }
    return response;
  }

  // There is no lock between tabs: the service lets all go on that refresh at the same time.
  function renew(request?: Request): Promise<Response> {
    request ??= new Request(`${baseUrl}/auth/refresh`, { method: "POST", credentials: "include" });
    if (renewal && renewing) return renewal;
    renewing = true;
    renewal = refresh(request).finally(() => (renewing = false));
    return renewal;
  }

  async function exchange(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    const response = await fetch(authorize(request));
    if (response.ok && SIGNS_IN.test(pathname)) signInOrOut(await accessTokenOf(response));
    if (response.ok && SIGNS_OUT.test(`${request.method} ${pathname}`)) signInOrOut(null);
    return response;
  }

  async function send(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    // Whoever waits for a refresh reads a copy of its answer.
    if (REFRESHES.test(pathname)) return (await renew(request)).clone();

    const again = request.clone(); // a body can be sent only once
    const [sent, before] = [token(), signInsAndOuts];
    const past = renewing ? undefined : renewal;
    const response = await exchange(request);
    if (response.status !== 401 || SIGNS_IN.test(pathname)) return response;

    // A refresh that ended after this call was sent counts for it too, even if it failed.
    const refreshed = token() !== sent ? undefined : await (renewal === past ? renew() : renewal);
    // Nobody's call is sent again as somebody else, nor after a logout.
    if (signInsAndOuts !== before) return response;
    const now = token();
    if (now !== null && now !== sent) return exchange(again);
    return refreshed && !refreshed.ok && !isRefusal(refreshed) ? refreshed.clone() : response;
  }

  const client = createClient<paths>({ baseUrl, credentials: "include", fetch: send });
  return Object.assign(client, { isSignedIn: () => token() !== null });
}

/**
 * Says by which `cursor` an answer of `GET /movies` goes on, and nothing on the last page.
 *
 * It is a place in the list, so that movies which come or go meanwhile move no page.
 */
export function nextCursor(response: Response): string | undefined {
  const next = /<([^>]*)>; *rel="?next"?/.exec(response.headers.get("Link") ?? "")?.[1];
  return new URLSearchParams(next?.split("?")[1]).get("cursor") ?? undefined;
}

async function accessTokenOf(response: Response): Promise<string> {
  const signedIn: Schemas["SignedIn"] = await response.clone().json();
  return signedIn.accessToken;
}

function isRefusal(response: Response): boolean {
  return response.status === 401 || response.status === 403;
}
