import { createPlaylistClient, type PlaylistClient, type Schemas } from "playlist-api-client";
import { session, signedOut } from "@/lib/session";
import { storage } from "@/lib/storage";
import { upload } from "@/lib/upload";

export type Movie = Schemas["Movie"];
export type User = Schemas["User"];

/** Where the service is: the one setting, made part of the build. Empty: where the pages are. */
const API_URL = process.env.NEXT_PUBLIC_API_URL ?? "http://localhost:3001";

/** What a call with a file says that its body is; the service looks for itself. */
export const FILE = "application/octet-stream";

const PATIENCE = { reading: 20_000, writing: 120_000 }; // milliseconds, uploads included

let client: PlaylistClient | undefined;

/** The client of the one who uses this browser. It is made in the browser only. */
export function api(): PlaylistClient {
  client ??= createPlaylistClient({
    baseUrl: API_URL || location.origin,
    storage: storage(),
    fetch: patiently,
    onSignedOut: () => signedOut("ended"),
  });
  return client;
}

// A service that never answers must not leave anybody waiting for ever.
function patiently(request: Request): Promise<Response> {
  const patience = request.method === "GET" ? PATIENCE.reading : PATIENCE.writing;
  const signal = AbortSignal.any([request.signal, AbortSignal.timeout(patience)]);
  const patient = new Request(request, { signal });
  return request.headers.get("Content-Type") === FILE ? upload(patient) : fetch(patient);
}

/** Ends the session on this browser, in all its tabs. */
export async function signOut(): Promise<void> {
  await ask(api().POST("/auth/logout"));
  signedOut("left");
}

/** A call that failed, in words for people. */
export class Problem extends Error {
  readonly status: number;
  readonly code: string;
  readonly details: readonly Schemas["Problem"][];
  readonly reference: string | null;

  constructor(status: number, failure: Partial<Schemas["Failure"]>, reference: string | null) {
    super(failure.message ?? "The service gave no proper answer. Please try again in a moment.");
    this.status = status;
    this.code = failure.code ?? "UNKNOWN";
    this.details = failure.details ?? [];
    this.reference = status === 500 ? reference : null;
  }

  /** Whether the same call may well succeed in a while. */
  get passing(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

type Answer<T> = { data?: T; error?: unknown; response: Response };

/** Waits for a call, and returns what it gave. Throws a `Problem` when it failed. */
export async function ask<T>(call: Promise<Answer<T>>): Promise<T> {
  return (await answer(call)).data as T;
}

/** As `ask`, with the headers of the answer. */
export async function answer<T>(call: Promise<Answer<T>>): Promise<Answer<T>> {
  const given = await call.catch((cause: unknown) => {
    throw unreachable(cause);
  });
  if (given.error === undefined && given.response.ok) return given;
  const tokenIsGone = given.response.status === 401 && !api().isSignedIn();
  if (tokenIsGone && session.get().state === "in") signedOut("ended"); // this tab slept while another signed out
  const failure = (given.error as Partial<Schemas["Error"]> | undefined)?.error;
  throw new Problem(given.response.status, failure ?? {}, given.response.headers.get("X-Request-ID"));
}

function unreachable(cause: unknown): unknown {
  const [offline, late] = [!navigator.onLine, (cause as Error).name === "TimeoutError"];
  if (!(cause instanceof TypeError) && !late) return cause;
  const message = offline
    ? "You are offline. Nothing is lost: try again when you are back."
    : late
      ? "The service takes too long to answer. Please try again."
      : "The service cannot be reached. Please try again in a moment.";
  return new Problem(0, { message }, null);
}
