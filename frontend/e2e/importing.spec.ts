import { readFileSync } from "node:fs";
import { expect, expire, type Page, test } from "./world.ts";

const LETTERBOXD = `Date,Name,Year,Letterboxd URI
2026-01-02,Heat,1995,https://boxd.it/1
2026-01-03,七人の侍,1954,https://boxd.it/2
2026-01-04,Heat,1995,https://boxd.it/1
`;
const IMDB = `Position,Const,Created,Modified,Description,Title,Original Title,URL,Title Type,IMDb Rating,Runtime (mins),Year,Genres,Num Votes,Release Date,Directors
1,tt0113277,2026-01-01,2026-01-01,,Heat,Heat,https://www.imdb.com/title/tt0113277/,Movie,8.3,170,1995,Crime,700000,1995-12-15,Michael Mann
2,tt0903747,2026-01-01,2026-01-01,,Breaking Bad,Breaking Bad,https://www.imdb.com/title/tt0903747/,TV Series,9.5,,2008,Drama,2000000,2008-01-20,
`;

async function choose(page: Page, text: string): Promise<void> {
  const chooser = page.getByLabel(/Choose a(nother)? file/);
  await expect(chooser).toBeEnabled();
  const buffer = Buffer.from(text);
  await chooser.setInputFiles({ name: "watchlist.csv", mimeType: "text/csv", buffer });
}

test("a file of Letterboxd's is looked at first, and then added", async ({ ada }) => {
  await ada.addMovie("heat", { year: "1995" });
  const page = await ada.open("/playlist");
  await page.getByRole("link", { name: "Import & export" }).click();
  await choose(page, LETTERBOXD);
  await expect(page.getByText("is an export of Letterboxd with 3 rows")).toBeVisible();
  await expect(page.getByText("1 movie would be added.")).toBeVisible();
  await expect(page.getByText("七人の侍")).toBeVisible();
  await expect(page.getByText("On your playlist already")).toBeVisible();
  expect(await ada.movies()).toHaveLength(1);
  await page.getByRole("button", { name: "Add 1 movie" }).click();
  await expect(page.getByText("1 movie added.")).toBeVisible();
  await page.getByRole("main").getByRole("link", { name: "To the playlist" }).click();
  await expect(page.locator(".card-link")).toHaveCount(2);
});

test("of IMDb's file series are left out, and nothing is added when one thinks better", async ({ ada }) => {
  const page = await ada.open("/import");
  await choose(page, IMDB);
  await expect(page.getByText("is an export of IMDb with 2 rows")).toBeVisible();
  await page.getByText("No movies 1").click();
  await expect(page.getByText("Breaking Bad")).toBeVisible();
  await page.getByRole("button", { name: "Never mind" }).click();
  await expect(page.locator(".summary")).toHaveCount(0);
  expect(await ada.movies()).toHaveLength(0);
});

test("a file with nothing new has nothing to add", async ({ ada }) => {
  await ada.addMovie("Heat", { year: "1995" });
  const page = await ada.open("/import");
  await choose(page, "title,year\nHeat,1995\n");
  await expect(page.getByRole("button", { name: "Nothing to add" })).toBeDisabled();
});

test("a file that is no list, or too large, is refused with a reason", async ({ ada }) => {
  const page = await ada.open("/import");
  await choose(page, "\u0000\u0001 no list");
  await expect(page.getByRole("alert").filter({ hasText: /./ })).toBeVisible();
  await choose(page, "title\n".padEnd(11 * 1024 * 1024, "x"));
  await expect(page.getByText("too large")).toBeVisible();
});

test("an expired token costs an import nothing, and a service that is away is told of", async ({ ada, network }) => {
  const page = await ada.open("/import");
  await choose(page, LETTERBOXD);
  await expect(page.getByText("2 movies would be added.")).toBeVisible();
  await network.cut();
  await page.getByRole("button", { name: "Add 2 movies" }).click();
  await expect(page.getByRole("alert").filter({ hasText: "cannot be reached" })).toBeVisible();
  await network.mend();
  await expire(page);
  await page.getByRole("button", { name: "Add 2 movies" }).click();
  await expect(page.getByText("2 movies added.")).toBeVisible();
});

test("10,000 movies are added, with progress", async ({ ada }) => {
  const rows = Array.from({ length: 10_000 }, (_, number) => `Movie ${number},1999`);
  const page = await ada.open("/import");
  await choose(page, `title,year\n${rows.join("\n")}\n`);
  await expect(page.getByText("10,000 movies would be added.")).toBeVisible({ timeout: 30_000 });
  await page.getByRole("button", { name: "Add 10,000 movies" }).click();
  await expect(page.getByRole("progressbar")).toBeVisible();
  await expect(page.getByText("10,000 movies added.")).toBeVisible({ timeout: 30_000 });
  await expect(page.getByText("and 9,900 more")).toBeVisible();
});

test("the list is taken along in each format", async ({ ada }) => {
  await ada.addMovie("七人の侍", { year: "1954" });
  const page = await ada.open("/import");
  for (const [label, name, has] of [
    [/spreadsheets/, /\.csv$/, "七人の侍"],
    [/Letterboxd's import/, /\.csv$/, "Title"],
    [/JSON/, /\.json$/, '"movies"'],
  ] as const) {
    await page.getByLabel(label).check();
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: "Download" }).click(),
    ]);
    expect(download.suggestedFilename()).toMatch(name);
    expect(readFileSync(await download.path(), "utf8")).toContain(has);
  }
});
