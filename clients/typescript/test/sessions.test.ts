import assert from "node:assert/strict";
import { test } from "node:test";
import { Browser, MemoryStorage, baseUrl, password, signUp } from "./browser.ts";

const REFRESH = "POST /auth/refresh";
const TITLES = Array.from({ length: 20 }, (_, number) => `Movie ${number}`);

/** Somebody who is signed in, with an access token that is good for nothing any more. */
async function expired() {
  const browser = new Browser();
  const storage = new MemoryStorage();
  const signedOut = { times: 0 };
  const client = browser.open({ storage, onSignedOut: () => (signedOut.times += 1) });
  const email = await signUp(client);
  storage.setItem("accessToken", "expired");
  return { browser, storage, client, email, signedOut };
}

function unavailable(): Response {
  const error = { code: "SERVICE_UNAVAILABLE", message: "The service is busy." };
  return Response.json({ error }, { status: 503 });
}

function gate() {
  let open = () => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { open, opened };
}

/** Holds the answers of a call back, once the service has given them, until they are delivered. */
function holdBack(browser: Browser, held: string) {
  const [answered, delivered] = [gate(), gate()];
  browser.around = async (call, go) => {
    const response = await go();
    if (call === held) {
      answered.open();
      await delivered.opened;
    }
    return response;
  };
  return { answered: answered.opened, deliver: delivered.open };
}

test("calls that find the token expired share one refresh", async () => {
  const { browser, client } = await expired();
  const answers = await Promise.all(TITLES.map(() => client.GET("/movies")));
  assert.deepEqual(answers.map(({ response }) => response.status), TITLES.map(() => 200));
  assert.equal(browser.count(REFRESH), 1);
  assert.equal(browser.count("GET /movies"), 40);
});

test("bodies arrive whole and once after a refresh", async () => {
  const { browser, client } = await expired();
  const imageUrl = `https://example.com/${"a".repeat(2000)}`;
  await Promise.all(TITLES.map((title) => client.POST("/movies", { body: { title, imageUrl } })));
  assert.equal(browser.count(REFRESH), 1);
  const { data } = await client.GET("/movies", { params: { query: { limit: 100 } } });
  assert.ok(data);
  assert.deepEqual(data.items.map(({ title }) => title).sort(), [...TITLES].sort());
  assert.ok(data.items.every((movie) => movie.imageUrl === imageUrl));
});

test("the refreshed token is kept", async () => {
  const { browser, client, storage } = await expired();
  await client.GET("/movies");
  assert.notEqual(storage.getItem("accessToken"), "expired");
  await client.GET("/movies");
  assert.equal(browser.count(REFRESH), 1);
  assert.equal(browser.count("GET /movies"), 3);
});

test("a call is sent again only once", async () => {
  const { browser, client, email } = await expired();
  const elsewhere = new Browser().open();
  await elsewhere.POST("/auth/login", { body: { email, password } });
  browser.around = async (call, go) => {
    const response = await go();
    if (call === REFRESH) await elsewhere.DELETE("/auth/sessions");
    return response;
  };
  assert.equal((await client.GET("/me")).response.status, 401);
  assert.deepEqual(browser.calls.slice(1), ["GET /me", REFRESH, "GET /me"]);
});

test("the cookie of an earlier visit signs in without storage", async () => {
  const browser = new Browser();
  await signUp(browser.open());
  const client = browser.open();
  assert.equal(client.isSignedIn(), false);
  const answers = await Promise.all(TITLES.map(() => client.GET("/me")));
  assert.ok(answers.every(({ data }) => data?.name === "Ada"));
  assert.equal(browser.count(REFRESH), 1);
  assert.equal(client.isSignedIn(), true);
});

test("a token renewed by another tab spares the refresh", async () => {
  const { browser, client, storage } = await expired();
  const other = new Browser();
  const spare = new MemoryStorage();
  await signUp(other.open({ storage: spare }));
  browser.around = async (_call, go) => {
    const response = await go();
    storage.setItem("accessToken", spare.getItem("accessToken") ?? "");
    return response;
  };
  assert.equal((await client.GET("/movies")).response.status, 200);
  assert.equal(browser.count(REFRESH), 0);
});

test("a late 401 is not worth another refresh", async () => {
  const { browser, client } = await expired();
  const late = holdBack(browser, "GET /me");
  const me = client.GET("/me");
  await late.answered;
  await client.GET("/movies");
  late.deliver();
  assert.equal((await me).response.status, 200);
  assert.equal(browser.count(REFRESH), 1);
});

test("tabs that refresh at the same time all go on", async () => {
  const { browser, storage, client } = await expired();
  const tabs = [client, ...TITLES.slice(0, 3).map(() => browser.open({ storage }))];
  const arrived = gate();
  browser.around = async (call, go) => {
    if (browser.count(REFRESH) === tabs.length) arrived.open();
    if (call === REFRESH) await arrived.opened;
    return go();
  };
  const answers = await Promise.all(tabs.map((tab) => tab.GET("/movies")));
  assert.deepEqual(answers.map(({ response }) => response.status), tabs.map(() => 200));
  assert.equal(browser.count(REFRESH), tabs.length);
});

test("a refused refresh signs out once, and leaves the calls their 401", async () => {
  const { browser, client, signedOut } = await expired();
  browser.loseCookies();
  const answers = await Promise.all(TITLES.map(() => client.GET("/movies")));
  for (const { error } of answers) assert.equal(error?.error.code, "UNAUTHORIZED");
  assert.equal(browser.count(REFRESH), 1);
  assert.equal(browser.count("GET /movies"), 20);
  assert.equal(signedOut.times, 1);
  assert.equal(client.isSignedIn(), false);
});

test("a refresh that the service cannot answer signs nobody out", async () => {
  const { browser, client, signedOut } = await expired();
  browser.around = async (call, go) => (call === REFRESH ? unavailable() : go());
  const answers = await Promise.all(TITLES.map(() => client.GET("/movies")));
  for (const { error, response } of answers) {
    assert.equal(response.status, 503);
    assert.equal(error?.error.code, "SERVICE_UNAVAILABLE");
  }
  assert.equal(browser.count(REFRESH), 1);
  assert.equal(signedOut.times, 0);
  assert.equal(client.isSignedIn(), true);

  browser.around = (_call, go) => go();
  assert.equal((await client.GET("/movies")).response.status, 200);
});

test("a refresh that does not get through signs nobody out", async () => {
  const { browser, client, signedOut } = await expired();
  const offline = new TypeError("fetch failed");
  browser.around = (call, go) => (call === REFRESH ? Promise.reject(offline) : go());
  const calls = await Promise.allSettled(TITLES.map(() => client.GET("/movies")));
  for (const call of calls) assert.ok(call.status === "rejected" && call.reason === offline);
  assert.equal(browser.count(REFRESH), 1);
  assert.equal(signedOut.times, 0);
  assert.equal(client.isSignedIn(), true);

  browser.around = (_call, go) => go();
  assert.equal((await client.GET("/movies")).response.status, 200);
});

test("a wrong password is told, and nothing is refreshed", async () => {
  const { browser, client, email, storage, signedOut } = await expired();
  const body = { email, password: "wrong horse battery" };
  const { error, response } = await client.POST("/auth/login", { body });
  assert.deepEqual([response.status, error?.error.code], [401, "UNAUTHORIZED"]);
  assert.equal(browser.count("POST /auth/login"), 1);
  assert.equal(browser.count(REFRESH), 0);
  assert.equal(signedOut.times, 0);
  assert.equal(storage.getItem("accessToken"), "expired");
});

test("logging in signs in, and logging out ends it", async () => {
  const { client, email, storage, signedOut } = await expired();
  assert.ok((await client.POST("/auth/logout")).response.ok);
  assert.equal(client.isSignedIn(), false);
  assert.equal(storage.getItem("accessToken"), null);
  assert.equal((await client.GET("/me")).response.status, 401);

  await client.POST("/auth/login", { body: { email, password } });
  assert.equal(client.isSignedIn(), true);
  assert.equal((await client.GET("/me")).data?.email, email);
  assert.equal(signedOut.times, 0);
});

test("deleting the account signs out", async () => {
  const { client, signedOut } = await expired();
  await client.DELETE("/me", { body: { currentPassword: password } });
  assert.equal(client.isSignedIn(), false);
  assert.equal(signedOut.times, 0);
});

test("a logout that does not get through signs nobody out", async () => {
  const { browser, client } = await expired();
  browser.around = async () => unavailable();
  assert.equal((await client.POST("/auth/logout")).response.status, 503);
  assert.equal(client.isSignedIn(), true);
});

test("a refresh under way does not undo a logout", async () => {
  const { browser, client, signedOut, storage } = await expired();
  const refresh = holdBack(browser, REFRESH);
  const me = client.GET("/me");
  await refresh.answered;
  await client.POST("/auth/logout");
  refresh.deliver();
  assert.equal((await me).response.status, 401);
  assert.equal(client.isSignedIn(), false);
  assert.equal(storage.getItem("accessToken"), null);
  assert.equal(browser.count("GET /me"), 1);
  assert.equal(signedOut.times, 0);
});

test("a refresh under way does not undo a logout without storage", async () => {
  const browser = new Browser();
  await signUp(browser.open());
  const client = browser.open();
  const refresh = holdBack(browser, REFRESH);
  const me = client.GET("/me");
  await refresh.answered;
  await client.POST("/auth/logout");
  refresh.deliver();
  assert.equal((await me).response.status, 401);
  assert.equal(client.isSignedIn(), false);
});

test("a refresh under way does not undo a logout in another tab", async () => {
  const { browser, client, storage } = await expired();
  const refresh = holdBack(browser, REFRESH);
  const me = client.GET("/me");
  await refresh.answered;
  await browser.open({ storage }).POST("/auth/logout");
  refresh.deliver();
  assert.equal((await me).response.status, 401);
  assert.equal(storage.getItem("accessToken"), null);
});

test("a call of one person is not sent again as another", async () => {
  const { browser, client } = await expired();
  const other = new Browser().open();
  const email = await signUp(other);
  const refresh = holdBack(browser, REFRESH);
  const adding = client.POST("/movies", { body: { title: "Heat" } });
  await refresh.answered;
  await client.POST("/auth/login", { body: { email, password } });
  refresh.deliver();
  assert.equal((await adding).response.status, 401);
  assert.equal((await client.GET("/me")).data?.email, email);
  assert.equal((await client.GET("/movies")).data?.meta.total, 0);
});

test("storage keeps the token for a new client", async () => {
  const browser = new Browser();
  const storage = new MemoryStorage();
  const email = await signUp(browser.open({ storage }));
  const client = browser.open({ storage });
  assert.equal(client.isSignedIn(), true);
  assert.equal((await client.GET("/me")).data?.email, email);
  assert.equal(browser.count(REFRESH), 0);
});

test("tabs with one storage are signed in and out together", async () => {
  const browser = new Browser();
  const storage = new MemoryStorage();
  const [one, other] = [browser.open({ storage }), browser.open({ storage })];
  await signUp(one);
  assert.equal((await other.GET("/me")).response.status, 200);
  await other.POST("/auth/logout");
  assert.equal(one.isSignedIn(), false);
});

test("refreshing by hand joins the refresh under way", async () => {
  const { browser, client } = await expired();
  const refresh = holdBack(browser, REFRESH);
  const me = client.GET("/me");
  await refresh.answered;
  const byHand = [client.POST("/auth/refresh"), client.POST("/auth/refresh")];
  refresh.deliver();
  for (const { data } of await Promise.all(byHand)) assert.equal(data?.user.name, "Ada");
  assert.equal((await me).response.status, 200);
  assert.equal(browser.count(REFRESH), 1);
});

test("somebody who never signed in gets the 401 of their own call", async () => {
  const signedOut: string[] = [];
  const client = new Browser().open({ onSignedOut: () => signedOut.push("signed out") });
  const { error, response } = await client.GET("/movies");
  assert.equal(error?.error.code, "UNAUTHORIZED");
  assert.match(response.url, /\/movies$/);
  assert.deepEqual(signedOut, []);
});

test("the address of the service may end with a slash", async () => {
  const { browser, storage } = await expired();
  const client = browser.open({ baseUrl: `${baseUrl}/`, storage });
  assert.equal((await client.GET("/me")).response.status, 200);
});
