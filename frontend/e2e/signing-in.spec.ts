import { readFileSync } from "node:fs";
import { expect, newEmail, type Page, PASSWORD, Person, test } from "./world.ts";

async function signIn(page: Page, email: string, password = PASSWORD): Promise<void> {
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
}

async function newPage(person: Person, path: string, javaScriptEnabled = true): Promise<Page> {
  const page = await (await person.stranger({ javaScriptEnabled })).newPage();
  await page.goto(path);
  return page;
}

test("whoever signs up is signed in, and sees an empty playlist", async ({ ada }) => {
  const page = await newPage(ada, "/");
  await expect(page).toHaveURL("/sign-in");
  await page.getByRole("link", { name: "Make an account" }).click();
  await page.getByLabel("Name").fill("Bob");
  await page.getByLabel("E-mail").fill(newEmail());
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Make the account" }).click();
  await expect(page).toHaveURL("/playlist");
  await expect(page.getByRole("heading", { name: "Your playlist is empty" })).toBeVisible();
});

test("each problem of a sign-up is told at its field, and what was typed stays", async ({ ada }) => {
  const page = await newPage(ada, "/sign-up");
  await page.getByLabel("Name").fill("Bob");
  await page.getByLabel("E-mail").fill("nowhere");
  await page.getByLabel("Password", { exact: true }).fill("short");
  await page.getByRole("button", { name: "Make the account" }).click();
  await expect(page.getByLabel("E-mail")).toHaveAccessibleDescription(/e-mail/i);
  await expect(page.getByLabel("E-mail")).toBeFocused();
  await expect(page.getByLabel("Password", { exact: true })).toHaveAccessibleDescription(/8/);
  await expect(page.getByLabel("Name")).toHaveValue("Bob");
  await expect(page.getByLabel("Password", { exact: true })).toHaveValue("short");
});

test("an e-mail that has an account is told at its field", async ({ ada }) => {
  const page = await newPage(ada, "/sign-up");
  await page.getByLabel("Name").fill("Ada");
  await page.getByLabel("E-mail").fill(ada.email);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Make the account" }).click();
  await expect(page.getByLabel("E-mail")).toHaveAttribute("aria-invalid", "true");
});

test("signing in leads back to where one was", async ({ ada }) => {
  const page = await newPage(ada, "/add");
  await expect(page).toHaveURL("/sign-in?next=%2Fadd");
  await signIn(page, ada.email);
  await expect(page).toHaveURL("/add");
});

const NEXT: [next: string, path: string][] = [
  ["https://evil.example/x", "/playlist"],
  ["//evil.example/x", "/playlist"],
  ["///evil.example/x", "/playlist"],
  ["/\\evil.example/x", "/playlist"],
  ["\\\\evil.example/x", "/playlist"],
  ["/.//evil.example/x", "/playlist"],
  ["/.\\/evil.example/x", "/playlist"],
  ["/%2e//evil.example/x", "/playlist"],
  ["/..//evil.example/x", "/playlist"],
  ["/add/..//evil.example/x", "/playlist"],
  ["/\t/evil.example/x", "/playlist"],
  ["/.\n//evil.example/x", "/playlist"],
  [" //evil.example/x", "/playlist"],
  ["\0//evil.example/x", "/playlist"],
  ["javascript:alert(1)", "/playlist"],
  ["java\nscript:alert(1)", "/playlist"],
  ["data:text/html,x", "/playlist"],
  ["blob:http://localhost:3000//evil.example/x", "/playlist"],
  ["http://localhost:3000@evil.example/x", "/playlist"],
  ["http://ada:secret@localhost:3000/add", "/playlist"],
  ["http://localhost:3000//evil.example/x", "/playlist"],
  ["http://[", "/playlist"],
  ["", "/playlist"],
  ["http:evil.example/x", "/evil.example/x"],
  ["/%2F%2Fevil.example/x", "/%2F%2Fevil.example/x"],
  ["%2F%2Fevil.example/x", "/%2F%2Fevil.example/x"],
  ["/%5Cevil.example/x", "/%5Cevil.example/x"],
  ["http://localhost:3000/add", "/add"],
  ["/playlist?search=//evil.example#main", "/playlist?search=//evil.example#main"],
];

test("signing in leads to a page of this site only, whatever the address says", async ({ ada }) => {
  test.slow(); // a page for each
  const context = await ada.browser();
  const elsewhere: string[] = [];
  context.on("request", (request) => {
    if (new URL(request.url()).hostname !== "localhost") elsewhere.push(request.url());
  });
  const page = await context.newPage();
  for (const [next, path] of NEXT) {
    await page.goto(`/sign-in?next=${encodeURIComponent(next)}`);
    await expect(page, next).toHaveURL(path);
    await expect(page.locator("h1"), next).toBeVisible();
  }
  expect(elsewhere).toEqual([]);
});

test("a wrong password is told, and nothing typed is lost", async ({ ada }) => {
  const page = await newPage(ada, "/sign-in");
  await signIn(page, ada.email, "wrong horse battery");
  await expect(page.getByRole("alert").first()).toContainText(/password/i);
  await expect(page.getByLabel("E-mail")).toHaveValue(ada.email);
  await expect(page).toHaveURL("/sign-in");
});

test("a password can be looked at", async ({ ada }) => {
  const page = await newPage(ada, "/sign-in");
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Show password" }).click();
  await expect(page.getByLabel("Password", { exact: true })).toHaveAttribute("type", "text");
});

test("whoever is signed in is led from the sign-in page to the playlist", async ({ ada }) => {
  const page = await ada.open("/sign-in");
  await expect(page).toHaveURL("/playlist");
});

test("signing out ends the session, and a reload does not bring it back", async ({ ada }) => {
  const page = await ada.open("/playlist");
  await page.getByRole("button", { name: "Sign out" }).click();
  await expect(page).toHaveURL("/sign-in?why=left");
  await expect(page.getByText("You have signed out.")).toBeVisible();
  await page.goto("/playlist");
  await expect(page).toHaveURL("/sign-in");
  expect(await page.evaluate(() => localStorage.getItem("accessToken"))).toBeNull();
});

test("without JavaScript it says so, and no password gets into an address", async ({ ada }) => {
  const page = await newPage(ada, "/sign-in", false);
  await expect(page.locator("noscript .alert")).toBeVisible();
  await page.getByLabel("E-mail").fill(ada.email);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await expect(page.getByRole("button", { name: "Sign in" })).toBeDisabled();
  await expect(page.locator("[disabled][aria-disabled]")).toHaveCount(0); // one says it already
  await page.getByLabel("Password", { exact: true }).press("Enter");
  expect(page.url()).not.toContain("horse");
});

test("a forgotten password is replaced by a mailed link, which works once", async ({ ada }) => {
  const page = await newPage(ada, "/sign-in");
  await page.getByRole("link", { name: "Forgot your password?" }).click();
  await page.getByLabel("E-mail").fill(ada.email);
  await page.getByRole("button", { name: "Send the link" }).click();
  await expect(page.getByText("a link is on its way")).toBeVisible();
  const link = await mailedLink(ada.email);
  await page.goto(link);
  await page.getByLabel("New password", { exact: true }).fill("another horse battery");
  await page.getByRole("button", { name: "Set the password" }).click();
  await expect(page).toHaveURL("/sign-in?why=reset");
  await signIn(page, ada.email, "another horse battery");
  await expect(page).toHaveURL("/playlist");
  await page.goto(link);
  await page.getByLabel("New password", { exact: true }).fill("a third horse battery");
  await page.getByRole("button", { name: "Set the password" }).click();
  await expect(page.getByRole("link", { name: "Get another" })).toBeVisible();
});

// In development mails are printed.
async function mailedLink(email: string): Promise<string> {
  let link: string | undefined;
  await expect(async () => {
    const log = readFileSync(process.env["E2E_LOG"] ?? "", "utf8").replaceAll("=\n", "");
    const mail = log.slice(log.lastIndexOf(`To: ${email}`));
    link = /\/reset-password\?token=(?:3D)?([\w.-]+)/.exec(mail)?.[0]?.replace("=3D", "=");
    expect(log).toContain(`To: ${email}`);
    expect(link).toBeDefined();
  }).toPass();
  return link ?? "";
}
