import { expect, type Page, type Person, test, titleField, titles } from "./world.ts";

async function furnish(ada: Person): Promise<void> {
  await ada.addMovie("Amélie", { year: "2001" });
  await ada.addMovie("The Assassination of Jesse James", { year: "2007" });
  await ada.addMovie("Heat", { year: "1995" });
  await ada.addMovie("100 % Wolf", { year: "2020" });
  await ada.addMovie("Zodiac", { year: "2007" });
}

const search = (page: Page) => page.getByRole("searchbox", { name: "Search titles" });

const shows = (page: Page, wanted: string[]) =>
  expect(async () => expect(await titles(page)).toEqual(wanted)).toPass();

test("titles are found by words, whatever their case and accents, while one types", async ({ ada }) => {
  await furnish(ada);
  const page = await ada.open("/playlist");
  await search(page).fill("amelie");
  await shows(page, ["Amélie"]);
  await expect(page.getByText("1 movie found")).toBeVisible();
  await expect(page).toHaveURL("/playlist?search=amelie");
  await search(page).fill("jesse assass");
  await shows(page, ["The Assassination of Jesse James"]);
  await search(page).fill("%");
  await shows(page, ["100 % Wolf"]);
});

test("what was searched, filtered and sorted survives a reload and the way back", async ({ ada }) => {
  await furnish(ada);
  const page = await ada.open("/playlist");
  await page.getByLabel("From year").fill("2001");
  await page.getByLabel("To year").fill("2010");
  await page.getByLabel("Sort by").selectOption({ label: "Title, Z to A" });
  const found = ["Zodiac", "The Assassination of Jesse James", "Amélie"];
  await shows(page, found);
  await expect(page).toHaveURL("/playlist?year=2001..2010&sort=-title");
  await page.reload();
  await shows(page, found);
  await expect(page.getByLabel("From year")).toHaveValue("2001");
  await page.getByRole("link", { name: "Edit Zodiac" }).click();
  await expect(titleField(page)).toHaveValue("Zodiac");
  await page.goBack();
  await shows(page, found);
});

test("one year alone, or one end, is enough", async ({ ada }) => {
  await furnish(ada);
  const page = await ada.open("/playlist?year=2007");
  await shows(page, ["Zodiac", "The Assassination of Jesse James"]);
  await page.getByLabel("To year").fill("");
  await shows(page, ["Zodiac", "100 % Wolf", "The Assassination of Jesse James"]);
  await page.getByLabel("From year").fill("20");
  await expect(page).toHaveURL("/playlist");
});

test("what matches nothing says so, and leads back to everything", async ({ ada }) => {
  await furnish(ada);
  const page = await ada.open("/playlist?search=nothing");
  await expect(page.getByRole("heading", { name: "Nothing matches" })).toBeVisible();
  await page.getByRole("button", { name: "Show everything" }).click();
  await expect(page.locator(".card-link")).toHaveCount(5);
  await expect(search(page)).toHaveValue("");
});

test("an address that was made up shows what can be shown", async ({ ada }) => {
  await furnish(ada);
  for (const query of ["page=-1", "page=x&sort=<b>", "sort=ownerId", "year=later..99"]) {
    const page = await ada.open(`/playlist?${query}`);
    await expect(page.locator(".card-link")).toHaveCount(5);
    await page.context().close();
  }
});

test("10,000 movies are searched, sorted and paged like any", async ({ ada }) => {
  const rows = Array.from({ length: 10_000 }, (_, number) => `Movie ${number},${1900 + (number % 120)}`);
  await ada.importMovies(`title,year\n${rows.join("\n")}\n`);
  const page = await ada.open("/playlist");
  await expect(page.getByText("10,000 movies")).toBeVisible();
  await page.getByRole("link", { name: "Page 417" }).click();
  await expect(page.locator(".card-link")).toHaveCount(16);
  await page.getByLabel("Sort by").selectOption({ label: "Year, earliest first" });
  await expect(page.locator(".card-year").first()).toHaveText("1900");
  await search(page).fill("9999");
  await shows(page, ["Movie 9999"]);
});
