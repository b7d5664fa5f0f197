import AxeBuilder from "@axe-core/playwright";
import type { Locator } from "@playwright/test";
import { expect, type Page, type Person, test, titleField } from "./world.ts";

const OUTSIDE = ["/sign-in", "/sign-up?why=ended", "/forgot-password", "/reset-password", "/nowhere"];
const INSIDE = ["/playlist", "/playlist?search=nothing", "/add", "/account", "/import"];
const MOST = 150_000; // bytes of compressed JavaScript on first load

async function settled(page: Page): Promise<void> {
  await expect(page.locator("h1").first()).toBeVisible();
  await expect(page.locator(".skeleton")).toHaveCount(0);
}

async function open(person: Person, path: string, how = {}): Promise<Page> {
  const inside = !OUTSIDE.includes(path);
  const page = await (inside ? person.browser(how) : person.stranger(how)).then((all) => all.newPage());
  await page.goto(path);
  await settled(page);
  return page;
}

async function furnish(person: Person): Promise<string[]> {
  await person.addMovies(30);
  const { id } = await person.addMovie("باب الحديد", { imageUrl: "https://example.com/gone.png" });
  return [...OUTSIDE, ...INSIDE, `/edit?id=${id}`];
}

for (const colorScheme of ["light", "dark"] as const) {
  test(`axe finds nothing on any page (${colorScheme})`, async ({ ada }) => {
    test.slow(); // a dozen pages
    for (const path of await furnish(ada)) {
      const page = await open(ada, path, { colorScheme, reducedMotion: "reduce" });
      const { violations } = await new AxeBuilder({ page }).analyze();
      const told = violations.map(({ id, nodes }) => `${path}: ${id} ${nodes.map(({ html }) => html)}`);
      expect(told).toEqual([]);
      await page.context().close();
    }
  });

  test(`axe finds nothing in dialogs, errors, conflicts and toasts (${colorScheme})`, async ({ ada }) => {
    const page = await open(ada, "/add", { colorScheme, reducedMotion: "reduce" });
    const check = async () => {
      const { violations } = await new AxeBuilder({ page }).analyze();
      expect(violations.map(({ id, nodes }) => `${id} ${nodes.map(({ html }) => html)}`)).toEqual([]);
    };
    await page.getByRole("button", { name: "Add to my playlist" }).click();
    await expect(titleField(page)).toHaveAttribute("aria-invalid", "true");
    await check();
    await titleField(page).fill("Heat");
    await page.getByRole("button", { name: "Add to my playlist" }).click();
    await expect(page.getByText("is on your playlist.")).toBeVisible();
    await check();
    await page.getByRole("button", { name: "Delete Heat" }).click();
    await expect(page.getByRole("dialog")).toBeVisible();
    await check();
    await page.getByRole("button", { name: "Keep it" }).click();
    await page.getByRole("link", { name: "Edit Heat" }).click();
    await titleField(page).fill("Ronin");
    const [movie] = await ada.movies();
    await ada.call("PATCH", `/movies/${movie?.id}`, { title: "Hate" });
    await page.reload();
    await expect(page.getByText("We kept what you typed.")).toBeVisible();
    await check();
    await page.getByRole("button", { name: "Save the changes" }).click();
    await expect(page.getByRole("figure", { name: "Changed elsewhere" })).toBeVisible();
    await check();
  });
}

test("pages stay within their policy, log no error, move nothing and are small", async ({ ada }) => {
  for (const path of await furnish(ada)) {
    const context = await (OUTSIDE.includes(path) ? ada.stranger() : ada.browser());
    await context.addInitScript(watchShifts);
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on("console", (message) => {
      const own = !message.text().startsWith("Failed to load resource");
      if (message.type() === "error" && own) complaints.push(`${path}: ${message.text()}`);
    });
    page.on("pageerror", (error) => complaints.push(`${path}: ${error.message}`));
    const weighing = weigh(page);
    await page.goto(path);
    await settled(page);
    await page.waitForLoadState("networkidle");
    expect(complaints).toEqual([]);
    expect(await page.evaluate(() => sessionStorage.getItem("shift")), path).toBeNull();
    expect(await weighing(), path).toBeLessThan(MOST);
    await context.close();
  }
});

test("what is wrong with a form moves nothing beside it", async ({ ada }) => {
  const page = await (await ada.stranger({ viewport: { width: 1280, height: 720 } })).newPage();
  await page.goto("/sign-up");
  const words = page.getByText("Every movie you mean to see, in one calm place.");
  const before = await words.boundingBox();
  await page.getByRole("button", { name: "Make the account" }).click();
  await expect(page.getByLabel("Name")).toHaveAttribute("aria-invalid", "true");
  await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
  expect(await words.boundingBox()).toEqual(before);
});

function watchShifts(): void {
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) sessionStorage.setItem("shift", JSON.stringify(entry));
  }).observe({ type: "layout-shift", buffered: true });
}

/** Adds up the scripts that a page loads for itself, not those that it fetches for a next one. */
function weigh(page: Page): () => Promise<number> {
  const scripts: Promise<number>[] = [];
  page.on("requestfinished", (request) => {
    if (request.resourceType() !== "script") return;
    scripts.push(request.sizes().then(({ responseBodySize }) => responseBodySize));
  });
  return async () => (await Promise.all(scripts)).reduce((sum, size) => sum + size, 0);
}

test("no page is wider than a screen of 320 pixels", async ({ ada }) => {
  for (const path of await furnish(ada)) {
    const page = await open(ada, path, { viewport: { width: 320, height: 640 } });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    expect(wide, path).toBeLessThanOrEqual(320);
    await page.context().close();
  }
});

test("the theme follows the system until one changes it, and is kept", async ({ ada }) => {
  const page = await open(ada, "/playlist", { colorScheme: "dark" });
  const ground = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const dark = await ground();
  await page.getByRole("button", { name: "Light or dark" }).click();
  const light = await ground();
  expect(light).not.toBe(dark);
  await page.reload();
  expect(await ground()).toBe(light);
});

test("the keyboard alone adds, changes and deletes a movie", async ({ ada }) => {
  const page = await open(ada, "/playlist");
  await page.keyboard.press("Tab");
  await expect(page.getByRole("link", { name: "Skip to content" })).toBeFocused();
  await reach(page.getByRole("link", { name: "Add movie" }));
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL("/add");
  await reach(titleField(page));
  await page.keyboard.type("Haet");
  await page.keyboard.press("Enter");
  await reach(page.getByRole("link", { name: "Edit Haet" }));
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/edit/);
  await expect(titleField(page)).toHaveValue("Haet");
  await reach(titleField(page));
  await page.keyboard.press("Control+a");
  await page.keyboard.type("Heat");
  await page.keyboard.press("Enter");
  await reach(page.getByRole("button", { name: "Delete Heat" }));
  await page.keyboard.press("Enter");
  await reach(page.getByRole("dialog").getByRole("button", { name: "Delete" }));
  await page.keyboard.press("Enter");
  await expect(page.getByText("Your playlist is empty")).toBeVisible();
});

const FAR = 40; // presses of a key, after which something must be out of reach

async function reach(wanted: Locator): Promise<void> {
  await expect(wanted).toBeVisible();
  for (let times = 0; times < FAR; times += 1) {
    await wanted.page().keyboard.press("Tab");
    if (await wanted.evaluate((element) => element === document.activeElement)) return;
  }
  throw new Error("It is not reached by Tab.");
}
