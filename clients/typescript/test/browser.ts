import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import {
  createPlaylistClient,
  type PlaylistClient,
  type PlaylistClientOptions,
  type TokenStorage,
} from "playlist-api-client";

export const baseUrl = process.env["PLAYLIST_API_URL"] ?? "http://localhost:3001";

export const password = "correct horse battery";

interface Cookie {
  value: string;
  path: string;
}

/** What a browser adds to `fetch`, and Node does not: a cookie jar. All tabs of one share it. */
export class Browser {
  /** Each request that was sent, as `POST /auth/refresh`. */
  readonly calls: string[] = [];
  /** Stands around each request, to delay it or to let it fail. */
  around = (_call: string, go: () => Promise<Response>): Promise<Response> => go();
  readonly #cookies = new Map<string, Cookie>();

  readonly fetch = (request: Request): Promise<Response> => {
    const call = `${request.method} ${new URL(request.url).pathname}`;
    this.calls.push(call);
    return this.around(call, () => this.#send(request));
  };

  /** Opens a tab with a client of its own. */
  open(options: Partial<PlaylistClientOptions> = {}): PlaylistClient {
    return createPlaylistClient({ baseUrl, fetch: this.fetch, ...options });
  }

  /** Tells how often a call was sent. */
  count(call: string): number {
    return this.calls.filter((sent) => sent === call).length;
  }

  loseCookies(): void {
    this.#cookies.clear();
  }

  // As for a page of another origin: cookies go and come only with `credentials: "include"`.
  async #send(request: Request): Promise<Response> {
    if (request.credentials !== "include") return fetch(request);
    const { pathname } = new URL(request.url);
    const fitting = [...this.#cookies].filter(([, { path }]) => isWithin(pathname, path));
    const pairs = fitting.map(([name, { value }]) => `${name}=${value}`);
    if (pairs.length > 0) request.headers.set("Cookie", pairs.join("; "));
    const response = await fetch(request);
    response.headers.getSetCookie().forEach((line) => this.#store(line));
    return response;
  }

  #store(line: string): void {
    const [pair = "", ...attributes] = line.split(/; */);
    const [name = "", value = ""] = pair.split(/=(.*)/);
    const { Path = "/", ...more } = Object.fromEntries(attributes.map((one) => one.split("=")));
    if (more["Max-Age"] === "0") this.#cookies.delete(name);
    else this.#cookies.set(name, { value, path: Path });
  }
}

function isWithin(pathname: string, path: string): boolean {
  return pathname === path || pathname.startsWith(path.endsWith("/") ? path : `${path}/`);
}

/** A Web Storage, which Node does not have by itself. */
export class MemoryStorage implements TokenStorage {
  readonly #items = new Map<string, string>();

  getItem(key: string): string | null {
    return this.#items.get(key) ?? null;
  }

  setItem(key: string, value: string): void {
    this.#items.set(key, value);
  }

  removeItem(key: string): void {
    this.#items.delete(key);
  }
}

/** Signs somebody new up, and returns their e-mail. */
export async function signUp(client: PlaylistClient): Promise<string> {
  const email = `ada.${randomUUID()}@example.com`;
  const { error } = await client.POST("/auth/signup", { body: { name: "Ada", email, password } });
  assert.equal(error, undefined);
  return email;
}
