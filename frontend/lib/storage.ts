import type { TokenStorage } from "playlist-api-client";

/** What all tabs share, or nothing where the browser forbids it: then a reload asks the cookie. */
export function storage(): TokenStorage | undefined {
  return allowed(() => localStorage);
}

/** What this tab keeps over a reload, if the browser allows it. */
export function tabStorage(): Storage | undefined {
  return allowed(() => sessionStorage);
}

function allowed(open: () => Storage): Storage | undefined {
  try {
    return open();
  } catch {
    return undefined;
  }
}

/** Reads JSON; what is not there, or is no JSON, is nothing. */
export function readJson<T>(from: TokenStorage | undefined, key: string): T | undefined {
  try {
    return JSON.parse(from?.getItem(key) ?? "") as T;
  } catch {
    return undefined;
  }
}

/** Writes JSON, unless there is no room for it. */
export function writeJson(to: TokenStorage | undefined, key: string, value: unknown): void {
  try {
    to?.setItem(key, JSON.stringify(value));
  } catch {
    to?.removeItem(key);
  }
}
