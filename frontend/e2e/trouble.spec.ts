import { expect, PASSWORD, test, titleField } from "./world.ts";

test("a service that is away is told of, and found again by itself", async ({ ada, network }) => {
  await ada.addMovie("Heat");
  const page = await ada.open("/account");
  await expect(page.getByText("This device")).toBeVisible();
  await network.cut();
  await page.getByRole("link", { name: "Playlist" }).click();
  await expect(page.getByRole("alert").first()).toContainText("cannot be reached");
  await expect(page).toHaveURL("/playlist");
  await network.mend();
  await expect(page.getByRole("link", { name: /Edit Heat/ })).toBeVisible({ timeout: 20_000 });
  await expect(page.getByRole("alert").filter({ hasText: "cannot be reached" })).toHaveCount(0);
});

test("a reload while the service is away signs nobody out", async ({ ada, network }) => {
  await ada.addMovie("Heat");
  const page = await ada.open("/playlist");
  await expect(page.getByRole("link", { name: /Edit Heat/ })).toBeVisible();
  await network.cut();
  await page.reload();
  await expect(page.getByRole("alert").first()).toContainText("cannot be reached");
  await network.mend();
  await page.getByRole("button", { name: "Try now" }).click();
  await expect(page.getByRole("link", { name: /Edit Heat/ })).toBeVisible({ timeout: 20_000 });
});

test("signing in while the service is away says so, and works once it is back", async ({ ada, network }) => {
  const page = await (await ada.stranger()).newPage();
  await page.goto("/sign-in");
  await network.cut();
  await page.getByLabel("E-mail").fill(ada.email);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("alert").first()).toContainText("cannot be reached");
  await expect(page.getByLabel("Password", { exact: true })).toHaveValue(PASSWORD);
  await network.mend();
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page).toHaveURL("/playlist");
});

test("whoever is offline is told, keeps what they typed, and goes on when they are back", async ({ ada }) => {
  const page = await ada.open("/add");
  await titleField(page).fill("Heat");
  await page.context().setOffline(true);
  await expect(page.getByText("You are offline.").first()).toBeVisible();
  await page.getByRole("button", { name: "Add to my playlist" }).click();
  await expect(page.getByRole("alert").filter({ hasText: "Nothing is lost" })).toBeVisible();
  await expect(titleField(page)).toHaveValue("Heat");
  await page.context().setOffline(false);
  await page.getByRole("button", { name: "Add to my playlist" }).click();
  await expect(page).toHaveURL("/playlist");
  expect(await ada.movies()).toHaveLength(1);
});

test("a list that could not be read offline comes by itself when one is back", async ({ ada }) => {
  await ada.addMovie("Heat");
  const page = await ada.open("/account");
  await expect(page.getByText("This device")).toBeVisible();
  await page.waitForLoadState("networkidle"); // the page behind the link has come too
  await page.context().setOffline(true);
  await page.getByRole("link", { name: "Playlist" }).click();
  await expect(page.getByRole("alert").filter({ hasText: "offline" })).toBeVisible();
  await page.context().setOffline(false);
  await expect(page.getByRole("link", { name: /Edit Heat/ })).toBeVisible();
});

test("on a slow network the page stands at once, and nothing moves when movies come", async ({ ada }) => {
  await ada.addMovies(24);
  const context = await ada.browser();
  await context.addInitScript(() => {
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        const { value } = entry as PerformanceEntry & { value: number };
        sessionStorage.setItem("shift", String(Number(sessionStorage.getItem("shift") ?? 0) + value));
      }
    }).observe({ type: "layout-shift", buffered: true });
  });
  const page = await context.newPage();
  await page.route("**/movies?**", async (route) => {
    await new Promise((resolve) => setTimeout(resolve, 1500));
    await route.continue();
  });
  await page.goto("/playlist");
  await expect(page.getByText("Loading your movies")).toBeAttached();
  await expect(page.locator(".card-link")).toHaveCount(24);
  expect(Number(await page.evaluate(() => sessionStorage.getItem("shift") ?? 0))).toBeLessThan(0.001);
});

test("a failure of the service is told with a reference to report", async ({ ada }) => {
  const page = await ada.open("/add");
  await page.route("**/movies", (route) =>
    route.fulfill({
      status: 500,
      headers: {
        "Access-Control-Allow-Origin": "http://localhost:3000",
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Expose-Headers": "X-Request-ID",
        "X-Request-ID": "abc123",
      },
      json: { error: { code: "INTERNAL_ERROR", message: "Something went wrong on our side." } },
    }),
  );
  await titleField(page).fill("Heat");
  await page.getByRole("button", { name: "Add to my playlist" }).click();
  await expect(page.getByRole("alert").first()).toContainText("Something went wrong on our side. Reference: abc123");
});

test("an address that leads nowhere says so", async ({ ada }) => {
  const page = await ada.open("/nowhere");
  await expect(page.getByRole("heading", { name: "There is nothing at this address" })).toBeVisible();
  await page.getByRole("link", { name: "To the playlist" }).click();
  await expect(page).toHaveURL("/playlist");
});
