import { createHmac, randomUUID } from "node:crypto";
import type { Browser, BrowserContext, BrowserContextOptions, Locator, Page } from "@playwright/test";

const ORIGIN = "http://localhost:3000";
const SERVICE = `http://127.0.0.1:${process.env["E2E_SERVICE_PORT"]}`;
const SECRET_KEY = process.env["E2E_SECRET_KEY"] ?? "";

export const PASSWORD = "correct horse battery";

const DESK = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36";
const PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 26_0 like Mac OS X) Version/26.0 Safari/604.1";

export interface Movie {
  id: number;
  title: string;
  year: string | null;
  imageUrl: string | null;
}

export const newEmail = (): string => `ada.${randomUUID()}@example.com`;

/** Somebody with an account, a session for browsers, and a way to call the service beside them. */
export class Person {
  readonly email: string;
  readonly token: string;
  readonly #browser: Browser;
  readonly #user: { id: string; name: string };
  readonly #cookie: string;

  private constructor(browser: Browser, email: string, answer: SignedIn, cookie: string) {
    this.#browser = browser;
    this.email = email;
    this.token = answer.accessToken;
    this.#user = answer.user;
    this.#cookie = cookie;
  }

  static async signUp(browser: Browser, name = "Ada", email = newEmail()): Promise<Person> {
    return Person.#enter(browser, "/auth/signup", { name, email, password: PASSWORD }, DESK);
  }

  /** The same person on another device. */
  elsewhere(): Promise<Person> {
    const body = { email: this.email, password: PASSWORD };
    return Person.#enter(this.#browser, "/auth/login", body, PHONE);
  }

  static async #enter(browser: Browser, path: string, body: Body, userAgent: string) {
    const response = await send("POST", path, body, { "User-Agent": userAgent });
    const cookie = /refreshToken=([^;]*)/.exec(response.headers.get("set-cookie") ?? "")?.[1];
    return new Person(browser, body.email, (await response.json()) as SignedIn, cookie ?? "");
  }

  /** A browser in which they are signed in. */
  async browser(options: BrowserContextOptions = {}): Promise<BrowserContext> {
    const cookie = { name: "refreshToken", value: this.#cookie, domain: "localhost" };
    const attributes = { path: "/auth", httpOnly: true, secure: false, sameSite: "Strict" } as const;
    const items = { accessToken: this.token, user: JSON.stringify(this.#user) };
    const localStorage = Object.entries(items).map(([name, value]) => ({ name, value }));
    const cookies = [{ ...cookie, ...attributes, expires: -1 }];
    const storageState = { cookies, origins: [{ origin: ORIGIN, localStorage }] };
    return this.#browser.newContext({ storageState, baseURL: ORIGIN, ...options });
  }

  /** A browser in which nobody is signed in. */
  stranger(options: BrowserContextOptions = {}): Promise<BrowserContext> {
    return this.#browser.newContext({ baseURL: ORIGIN, ...options });
  }

  /** A page in a browser in which they are signed in. */
  async open(path: string, options: BrowserContextOptions = {}): Promise<Page> {
    const page = await (await this.browser(options)).newPage();
    await page.goto(path);
    return page;
  }

  async call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await send(method, path, body, { Authorization: `Bearer ${this.token}` });
    return (response.status === 204 ? undefined : await response.json()) as T;
  }

  addMovie(title: string, fields: Partial<Movie> = {}): Promise<Movie> {
    return this.call("POST", "/movies", { title, ...fields });
  }

  async addMovies(count: number): Promise<void> {
    for (let number = 1; number <= count; number += 1) await this.addMovie(`Movie ${number}`);
  }

  async importMovies(file: string): Promise<void> {
    await send("POST", "/movies/import", Buffer.from(file), {
      Authorization: `Bearer ${this.token}`,
      "Content-Type": "text/csv",
    });
  }

  async movies(): Promise<Movie[]> {
    return (await this.call<{ items: Movie[] }>("GET", "/movies?limit=100")).items;
  }
}

type Body = { email: string } & Record<string, string>;

interface SignedIn {
  user: { id: string; name: string };
  accessToken: string;
}

export async function send(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Response> {
  const json = body instanceof Uint8Array ? (body as BodyInit) : JSON.stringify(body);
  const response = await fetch(SERVICE + path, {
    method,
    headers: { "Content-Type": "application/json", ...headers },
    ...(body !== undefined && { body: json }),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return response;
}

/** Has the tab's access token expire: the service's own, signed anew with a time in the past. */
export async function expire(page: Page): Promise<void> {
  const token = await page.evaluate(() => localStorage.getItem("accessToken") ?? "");
  const [head = "", body = ""] = token.split(".");
  const claims = JSON.parse(Buffer.from(body, "base64url").toString()) as { exp: number };
  const past = JSON.stringify({ ...claims, exp: Math.floor(Date.now() / 1000) - 60 });
  const unsigned = `${head}.${Buffer.from(past).toString("base64url")}`;
  const signature = createHmac("sha256", SECRET_KEY).update(unsigned).digest("base64url");
  await page.evaluate((expired) => localStorage.setItem("accessToken", expired), `${unsigned}.${signature}`);
}

/** The movies' titles as they are shown. */
export const titles = (page: Page): Promise<string[]> => page.locator(".card-title").allInnerTexts();

/** The title in a movie's form, never "Search titles" on the playlist that is about to be left. */
export const titleField = (page: Page): Locator => page.getByLabel("Title", { exact: true });
