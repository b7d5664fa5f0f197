import { expect, expire, type Page, PASSWORD, Person, test, titleField } from "./world.ts";

const REFRESH = "/auth/refresh";

/** Counts what a page asks the service for. */
function counted(page: Page, path: string): { times: number } {
  const count = { times: 0 };
  page.on("request", (request) => {
    const { pathname } = new URL(request.url());
    if (pathname === path && request.method() !== "OPTIONS") count.times += 1;
  });
  return count;
}

async function shown(page: Page): Promise<void> {
  await expect(page.getByRole("link", { name: /Edit Heat/ })).toBeVisible();
}

test("a reload leaves one signed in, with no refresh", async ({ ada }) => {
  await ada.addMovie("Heat");
  const page = await ada.open("/playlist");
  await shown(page);
  const refreshes = counted(page, REFRESH);
  await page.reload();
  await shown(page);
  expect(refreshes.times).toBe(0);
});

test("where storage was cleared, the cookie signs in", async ({ ada }) => {
  await ada.addMovie("Heat");
  const page = await ada.open("/playlist");
  await shown(page);
  await page.evaluate(() => localStorage.clear());
  await page.reload();
  await shown(page);
});

test("an expired token is renewed silently and once, however many calls wait", async ({ ada }) => {
  await ada.addMovie("Heat");
  const page = await ada.open("/playlist");
  await shown(page);
  await expire(page);
  const refreshes = counted(page, REFRESH);
  await page.goto("/account"); // asks for the profile and the devices at once
  await expect(page.getByText("This device")).toBeVisible();
  await expect(page.getByLabel("E-mail")).toHaveValue(ada.email);
  expect(refreshes.times).toBe(1);
});

test("two tabs that refresh at the same moment both go on", async ({ ada }) => {
  await ada.addMovie("Heat");
  const one = await ada.open("/playlist");
  const other = await one.context().newPage();
  await other.goto("/playlist");
  await shown(one);
  await shown(other);
  await expire(one);
  const refreshes = [counted(one, REFRESH), counted(other, REFRESH)];
  await hold(one);
  await hold(other);
  await Promise.all([one.reload(), other.reload()]);
  await shown(one);
  await shown(other);
  expect(refreshes.map(({ times }) => times)).toEqual([1, 1]);
});

const held: (() => void)[] = [];

/** Holds a refresh back until there are two of them. */
async function hold(page: Page): Promise<void> {
  await page.route(`**${REFRESH}`, async (route) => {
    const both = new Promise<void>((resolve) => held.push(resolve));
    if (held.length === 2) held.splice(0).forEach((go) => go());
    await both;
    await route.continue();
  });
}

test("signing out in one tab signs out the others", async ({ ada }) => {
  const one = await ada.open("/playlist");
  const other = await one.context().newPage();
  await other.goto("/account");
  await expect(other.getByText("This device")).toBeVisible();
  await one.getByRole("button", { name: "Sign out" }).click();
  await expect(other).toHaveURL("/sign-in?why=ended&next=%2Faccount");
  for (const page of [one, other]) expect(await stored(page)).toBe("{}");
});

test("signing out in another tab takes what is typed out of storage, and keeps it for the same person", async ({
  ada,
}) => {
  const one = await ada.open("/playlist");
  const other = await one.context().newPage();
  await other.goto("/add");
  await titleField(other).fill("Heat");
  await one.getByRole("button", { name: "Sign out" }).click();
  await expect(other).toHaveURL("/sign-in?why=ended&next=%2Fadd");
  expect(await stored(other)).toBe("{}");
  await one.getByLabel("E-mail").fill(ada.email);
  await one.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await one.getByRole("button", { name: "Sign in" }).click();
  await expect(other).toHaveURL("/add");
  await expect(titleField(other)).toHaveValue("Heat");
});

test("a tab that slept while another one signed out finds out by its next call", async ({ ada }) => {
  const page = await ada.open("/playlist");
  await expect(page.getByRole("heading", { name: "Your playlist is empty" })).toBeVisible();
  await page.evaluate(() => localStorage.removeItem("accessToken")); // tells this tab nothing
  await page.context().clearCookies();
  await page.getByRole("link", { name: "Account" }).click();
  await expect(page).toHaveURL("/sign-in?why=ended&next=%2Faccount");
  expect(await stored(page)).toBe("{}");
});

test("signing out leaves nothing in storage, and nothing that was typed", async ({ ada }) => {
  const page = await ada.open("/add");
  await titleField(page).fill("Heat");
  await page.getByRole("button", { name: "Sign out" }).click();
  await expect(page).toHaveURL("/sign-in?why=left");
  expect(await stored(page)).toBe("{}");
  await page.getByLabel("E-mail").fill(ada.email);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("link", { name: "Add movie" }).click();
  await expect(titleField(page)).toHaveValue("");
});

/** All that the browser's storage holds for a tab. */
function stored(page: Page): Promise<string> {
  return page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }));
}

test("signing in in one tab signs in the others, where they were", async ({ ada }) => {
  const one = await (await ada.stranger()).newPage();
  const other = await one.context().newPage();
  await one.goto("/playlist");
  await other.goto("/add");
  await expect(other).toHaveURL("/sign-in?next=%2Fadd");
  await expect(one).toHaveURL("/sign-in");
  await one.getByLabel("E-mail").fill(ada.email);
  await one.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await one.getByRole("button", { name: "Sign in" }).click();
  await expect(one).toHaveURL("/playlist");
  await expect(other).toHaveURL("/add");
});

test("a session that was ended elsewhere leads to sign-in with a word why, and back", async ({ ada }) => {
  await ada.addMovies(30);
  const page = await ada.open("/playlist?page=2");
  await expect(page.locator(".card-link")).toHaveCount(6);
  await (await ada.elsewhere()).call("DELETE", "/auth/sessions");
  await page.reload();
  await expect(page).toHaveURL("/sign-in?why=ended&next=%2Fplaylist%3Fpage%3D2");
  await expect(page.getByText("your session has ended")).toBeVisible();
  expect(await stored(page)).toBe("{}");
  await page.getByLabel("E-mail").fill(ada.email);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page).toHaveURL("/playlist?page=2");
  await expect(page.locator(".card-link")).toHaveCount(6);
});

test("a token that expires in the middle of adding a movie costs nothing", async ({ ada }) => {
  const page = await ada.open("/add");
  await titleField(page).fill("Heat");
  await page.getByLabel("Year").fill("1995");
  await expire(page);
  await page.getByRole("button", { name: "Add to my playlist" }).click();
  await expect(page).toHaveURL("/playlist");
  await shown(page);
  expect(await ada.movies()).toMatchObject([{ title: "Heat", year: "1995" }]);
});

test("a session that ends in the middle of adding a movie loses nothing typed", async ({ ada }) => {
  const page = await ada.open("/add");
  await titleField(page).fill("Heat");
  await page.getByLabel("Year").fill("1995");
  await page.getByLabel("Or its address").fill("https://example.com/heat.jpg");
  const again = await ada.elsewhere();
  await again.call("DELETE", "/auth/sessions");
  await page.getByRole("button", { name: "Add to my playlist" }).click();
  await expect(page).toHaveURL("/sign-in?why=ended&next=%2Fadd");
  expect(await stored(page)).toBe("{}");
  await page.getByLabel("E-mail").fill(ada.email);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page).toHaveURL("/add");
  await expect(titleField(page)).toHaveValue("Heat");
  await page.reload();
  await expect(titleField(page)).toHaveValue("Heat");
  await expect(page.getByLabel("Year")).toHaveValue("1995");
  await expect(page.getByLabel("Or its address")).toHaveValue("https://example.com/heat.jpg");
  await page.getByRole("button", { name: "Add to my playlist" }).click();
  await expect(page).toHaveURL("/playlist");
  expect(await again.movies()).toMatchObject([{ title: "Heat" }]);
});

test("somebody else who signs in sees nothing of what was typed before", async ({ ada, browser }) => {
  const page = await ada.open("/add");
  await titleField(page).fill("A secret");
  await (await ada.elsewhere()).call("DELETE", "/auth/sessions");
  await page.reload();
  await expect(page).toHaveURL(/sign-in/);
  const bob = await Person.signUp(browser, "Bob");
  await page.getByLabel("E-mail").fill(bob.email);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page).toHaveURL("/add");
  await expect(titleField(page)).toHaveValue("");
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("E-mail").fill(ada.email);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("link", { name: "Add movie" }).click();
  await expect(titleField(page)).toHaveValue("");
});
