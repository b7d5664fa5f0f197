import { expect, type Page, Person, test, titleField } from "./world.ts";

// Pictures of every page for docs/screenshots: `make screenshots`.

const FOLDER = "../docs/screenshots";
const SIZES = [
  { width: 1280, height: 800 },
  { width: 375, height: 812 },
];
const MOVIES = [
  ["Metropolis", "1927"],
  ["The Third Man", "1949"],
  ["Vertigo", "1958"],
  ["La dolce vita", "1960"],
  ["Playtime", "1967"],
  ["2001: A Space Odyssey", "1968"],
  ["Solaris", "1972"],
  ["Stalker", "1979"],
  ["Blade Runner", "1982"],
  ["Paris, Texas", "1984"],
  ["Ran", "1985"],
  ["Wings of Desire", "1987"],
  ["Thelma & Louise", "1991"],
  ["Heat", "1995"],
  ["Ronin", "1998"],
  ["Magnolia", "1999"],
  ["Amélie", "2001"],
  ["Zodiac", "2007"],
  ["WALL·E", "2008"],
  ["Parasite", "2019"],
  ["The Assassination of Jesse James by the Coward Robert Ford", "2007"],
  ["Past Lives", "2023"],
  ["In the Mood for Love", "2000"],
  ["🍿 Popcorn night", null],
  ["باب الحديد", "1958"],
  ["Portrait of a Lady on Fire", "2019"],
  ["七人の侍", "1954"],
  ["Chungking Express", "1994"],
] as const;
const FILE = `Date,Name,Year,Letterboxd URI
2026-01-02,Heat,1995,https://boxd.it/1
2026-01-03,Alien,1979,https://boxd.it/2
2026-01-03,Brazil,1985,https://boxd.it/3
2026-01-04,Perfect Days,2023,https://boxd.it/4
2026-01-04,Aftersun,2022,https://boxd.it/5
2026-01-05,Alien,1979,https://boxd.it/2
2026-01-05,The Lives of Others,2006,https://boxd.it/6
`;

async function collector(person: Person): Promise<void> {
  for (const [title, year] of MOVIES) await person.addMovie(title, { year });
  await person.elsewhere();
}

type Scene = [name: string, path: string, play: (page: Page) => Promise<unknown>];

const OUTSIDE: Scene[] = [
  ["sign-in", "/sign-in", (page) => page.getByLabel("E-mail").fill("ada@example.com")],
  ["sign-up", "/sign-up", (page) => page.getByLabel("Name").fill("Ada Lovelace")],
];

const INSIDE: Scene[] = [
  ["playlist", "/playlist", (page) => expect(page.locator(".card-link")).toHaveCount(24)],
  [
    "delete",
    "/playlist",
    (page) => page.getByRole("button", { name: "Delete Portrait of a Lady on Fire" }).click(),
  ],
  [
    "add",
    "/add",
    async (page) => {
      await titleField(page).fill("The Night of the Hunter");
      await page.getByLabel("Year").fill("1955");
    },
  ],
  [
    "edit",
    "/playlist",
    async (page) => {
      await page.getByRole("link", { name: "Edit Chungking Express" }).click();
      await expect(titleField(page)).toHaveValue("Chungking Express");
    },
  ],
  ["account", "/account", (page) => expect(page.locator(".devices li")).toHaveCount(2)],
  [
    "import",
    "/import",
    async (page) => {
      const buffer = Buffer.from(FILE);
      const file = { name: "watchlist.csv", mimeType: "text/csv", buffer };
      await expect(page.getByLabel("Choose a file")).toBeEnabled();
      await page.getByLabel("Choose a file").setInputFiles(file);
      await expect(page.locator(".summary")).toBeVisible();
    },
  ],
];

for (const colorScheme of ["light", "dark"] as const) {
  for (const viewport of SIZES) {
    const how = { colorScheme, viewport, reducedMotion: "reduce" } as const;

    test(`${viewport.width} pixels, ${colorScheme}`, async ({ browser, network }) => {
      await network.mend();
      const email = `ada${viewport.width}${colorScheme}@example.com`;
      const ada = await Person.signUp(browser, "Ada Lovelace", email);
      await collector(ada);
      const nobody = await Person.signUp(browser);
      const shoot = async (page: Page, [name, path, play]: Scene) => {
        await page.goto(path);
        await play(page);
        await page.evaluate(() => document.fonts.ready);
        await page.screenshot({ path: `${FOLDER}/${name}-${viewport.width}-${colorScheme}.png` });
      };
      const stranger = await (await ada.stranger(how)).newPage();
      for (const scene of OUTSIDE) await shoot(stranger, scene);
      const inside = await (await ada.browser(how)).newPage();
      for (const scene of INSIDE) await shoot(inside, scene);
      const empty = await (await nobody.browser(how)).newPage();
      await shoot(empty, ["empty", "/playlist", (page) => expect(page.locator(".nothing")).toBeVisible()]);
    });
  }
}
