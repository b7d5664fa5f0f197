import { FILE, holdPictures, PNG } from "./pictures.ts";
import { expect, type Page, send, test, titleField } from "./world.ts";

const save = (page: Page) => page.getByRole("button", { name: "Add to my playlist" });

async function choose(page: Page, file: typeof FILE): Promise<void> {
  await expect(page.getByLabel("Choose a file")).toBeEnabled();
  await page.getByLabel("Choose a file").setInputFiles(file);
}

test("a movie is added, told of, and shown first", async ({ ada }) => {
  await ada.addMovie("Ronin");
  const page = await ada.open("/playlist");
  await page.getByRole("link", { name: "Add movie" }).click();
  await titleField(page).fill("  Heat ");
  await page.getByLabel("Year").fill("1995");
  await save(page).click();
  await expect(page).toHaveURL("/playlist");
  await expect(page.getByRole("status").filter({ hasText: "Heat is on your playlist." })).toBeVisible();
  await expect(page.locator(".card-title").first()).toContainText("Heat");
  await expect(page.locator(".card-title")).toHaveCount(2);
});

test("each problem is told at its field, all at once, and nothing typed is lost", async ({ ada }) => {
  const page = await ada.open("/add");
  await page.getByLabel("Year").fill("95");
  await page.getByLabel("Or its address").fill("heat.jpg");
  await save(page).click();
  for (const label of ["Title", "Year", "Or its address"]) {
    await expect(page.getByLabel(label)).toHaveAttribute("aria-invalid", "true");
    await expect(page.getByLabel(label)).toHaveAccessibleDescription(/.+/);
  }
  await expect(titleField(page)).toBeFocused();
  await expect(page.getByLabel("Year")).toHaveValue("95");
  await expect(page.getByLabel("Or its address")).toHaveValue("heat.jpg");
});

test("a double click adds one movie", async ({ ada }) => {
  const page = await ada.open("/add");
  await titleField(page).fill("Heat");
  await save(page).dblclick();
  await expect(page).toHaveURL("/playlist");
  expect(await ada.movies()).toHaveLength(1);
});

test("a movie whose answer was lost is added once, however often one tries", async ({ ada }) => {
  const page = await ada.open("/add");
  await page.route("**/movies", async (route) => {
    if (route.request().method() !== "POST") return route.continue();
    const headers = await route.request().allHeaders();
    await send("POST", "/movies", route.request().postDataJSON(), {
      Authorization: headers["authorization"] ?? "",
      "Idempotency-Key": headers["idempotency-key"] ?? "",
    });
    return route.abort("connectionreset");
  });
  await titleField(page).fill("Heat");
  await save(page).click();
  await expect(page.getByRole("alert").first()).toContainText("cannot be reached");
  await expect(titleField(page)).toHaveValue("Heat");
  await page.unroute("**/movies");
  await save(page).click();
  await expect(page).toHaveURL("/playlist");
  expect(await ada.movies()).toHaveLength(1);
});

test("what is typed outlives a reload, and not a cancel", async ({ ada }) => {
  const page = await ada.open("/add");
  await titleField(page).fill("Heat");
  await page.reload();
  await expect(titleField(page)).toHaveValue("Heat");
  await page.getByRole("link", { name: "Cancel" }).click();
  await expect(page).toHaveURL("/playlist");
  await page.getByRole("link", { name: "Add movie" }).click();
  await expect(titleField(page)).toHaveValue("");
});

test("what is typed and left alone is told when it comes back, and can be discarded", async ({ ada }) => {
  const page = await ada.open("/add");
  await titleField(page).fill("Heat");
  await page.getByRole("link", { name: "Account" }).click();
  await page.getByRole("link", { name: "Add movie" }).click();
  await expect(page.getByText("We kept what you typed.")).toBeVisible();
  await page.getByRole("button", { name: "Discard it" }).click();
  await expect(titleField(page)).toHaveValue("");
  await expect(titleField(page)).toBeFocused();
  await page.reload();
  await expect(titleField(page)).toHaveValue("");
  await expect(page.getByText("We kept what you typed.")).toHaveCount(0);
});

test("a picture is shown while it is chosen by address", async ({ ada }) => {
  const page = await ada.open("/add");
  await page.route("https://example.com/heat.png", (route) =>
    route.fulfill({ contentType: "image/png", body: PNG }),
  );
  await titleField(page).fill("Heat");
  await page.getByLabel("Or its address").fill("https://example.com/heat.png");
  await expect(page.locator(".picture img.loaded")).toBeVisible();
  await save(page).click();
  await expect(page.locator(".grid img.loaded")).toBeVisible();
});

test("a picture that is not there leaves the drawing", async ({ ada }) => {
  await ada.addMovie("Heat", { imageUrl: "https://example.com/gone.png" });
  const page = await ada.open("/add");
  await page.route("https://example.com/gone.png", (route) => route.fulfill({ status: 404 }));
  await page.getByRole("link", { name: "Playlist" }).click();
  await expect(page.locator(".grid .card")).toHaveCount(1);
  await expect(page.locator(".grid img")).toHaveCount(0);
  await expect(page.locator(".grid .drawing")).toBeVisible();
});

test("a file that is no picture is refused where it was chosen", async ({ ada }) => {
  const page = await ada.open("/add");
  const file = { name: "heat.png", mimeType: "image/png", buffer: Buffer.from("no picture") };
  await choose(page, file);
  await expect(page.getByText("no picture that can be read")).toBeVisible();
});

test("a picture is chosen as a file, shown, kept by the service, and shown on the playlist", async ({ ada }) => {
  const page = await ada.open("/add");
  await titleField(page).fill("Heat");
  await choose(page, FILE);
  await expect(page.locator(".picture img.loaded")).toBeVisible();
  await save(page).click();
  await expect(page.locator(".grid img.loaded")).toHaveAttribute("src", /[0-9a-f]{64}-400\.webp$/);
  expect((await ada.movies())[0]?.imageUrl).toMatch(/\/media\/[0-9a-f]{64}\.png$/);
});

for (const way of ["paste", "drop"] as const) {
  test(`a picture can be given by ${way}`, async ({ ada }) => {
    const page = await ada.open("/add");
    await expect(save(page)).toBeEnabled();
    await page.locator("fieldset.picture").evaluate(
      (target, [type, base64]) => {
        const bytes = Uint8Array.from(atob(base64 ?? ""), (sign) => sign.charCodeAt(0));
        const transfer = new DataTransfer();
        transfer.items.add(new File([bytes], "heat.png", { type: "image/png" }));
        const event =
          type === "paste"
            ? new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true })
            : new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true });
        target.dispatchEvent(event);
      },
      [way, PNG.toString("base64")] as const,
    );
    await expect(page.locator(".picture img.loaded")).toBeVisible();
    await page.getByRole("button", { name: "Without a picture" }).click();
    await expect(page.locator(".picture img")).toHaveCount(0);
  });
}

test("a picture that is too large is made smaller first", async ({ ada }) => {
  const page = await ada.open("/add");
  const picture = await page.evaluate(async () => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [1800, 2700];
    const context = canvas.getContext("2d");
    const noise = context?.createImageData(1800, 2700);
    if (noise) for (let at = 0; at < noise.data.length; at += 1) noise.data[at] = Math.random() * 255;
    if (noise) context?.putImageData(noise, 0, 0);
    return canvas.toDataURL("image/png").split(",")[1] ?? "";
  });
  const buffer = Buffer.from(picture, "base64");
  expect(buffer.length).toBeGreaterThan(2 * 1024 * 1024);
  await titleField(page).fill("Heat");
  await choose(page, { ...FILE, buffer });
  await expect(page.locator(".picture img.loaded")).toBeVisible();
  await save(page).click();
  await expect(page).toHaveURL("/playlist");
  expect((await ada.movies())[0]?.imageUrl).toMatch(/\.jpg$/);
});

test("a picture outlives a session that ends before it is sent", async ({ ada }) => {
  const page = await ada.open("/add");
  await choose(page, FILE);
  await expect(page.locator(".picture img.loaded")).toBeVisible();
  await page.reload();
  await expect(page.locator(".picture img.loaded")).toBeVisible();
});

test("a picture that is still being prepared is saved too, and no draft comes back", async ({ ada }) => {
  const page = await ada.open("/add");
  const release = await holdPictures(page);
  await choose(page, FILE);
  await expect(page.getByRole("status").filter({ hasText: "Preparing the picture…" })).toBeVisible();
  await titleField(page).fill("Heat");
  await save(page).click();
  await expect(page.getByRole("button", { name: "Preparing the picture…" })).toBeVisible();
  expect(await ada.movies()).toEqual([]);
  await release();
  await expect(page).toHaveURL("/playlist");
  expect(await ada.movies()).toMatchObject([{ title: "Heat", imageUrl: expect.stringMatching(/\.png$/) }]);
  await page.getByRole("link", { name: "Add movie" }).click();
  await expect(titleField(page)).toHaveValue("");
  await expect(page.locator(".picture img")).toHaveCount(0);
});

test("a movie whose picture cannot be prepared is not saved, and says why", async ({ ada }) => {
  const page = await ada.open("/add");
  const release = await holdPictures(page);
  await titleField(page).fill("Heat");
  await choose(page, { ...FILE, buffer: Buffer.from("no picture") });
  await save(page).click();
  await expect(page.getByRole("button", { name: "Preparing the picture…" })).toBeVisible();
  await release();
  await expect(page.locator("form > [role=alert]")).toContainText("no picture that can be read");
  await expect(page).toHaveURL("/add");
  expect(await ada.movies()).toEqual([]);
});

test("the picture that was chosen last counts, and none if one wants none after all", async ({ ada }) => {
  const page = await ada.open("/add");
  const release = await holdPictures(page);
  await titleField(page).fill("Heat");
  await choose(page, { ...FILE, buffer: Buffer.from("no picture") });
  await choose(page, FILE);
  await save(page).click();
  await release();
  await expect(page).toHaveURL("/playlist");
  expect((await ada.movies())[0]?.imageUrl).toMatch(/\.png$/);
  await page.getByRole("link", { name: "Add movie" }).click();
  const again = await holdPictures(page);
  await titleField(page).fill("Ronin");
  await choose(page, FILE);
  await page.getByRole("button", { name: "Without a picture" }).click();
  await again();
  await save(page).click();
  await expect(page.getByText("Ronin is on your playlist.")).toBeVisible();
  expect((await ada.movies())[0]).toMatchObject({ title: "Ronin", imageUrl: null });
});

test("a picture that is chosen while the movie is being saved brings no draft back", async ({ ada }) => {
  const page = await ada.open("/add");
  const release = await holdPictures(page);
  let answer = () => {};
  const answered = new Promise<void>((resolve) => (answer = resolve));
  await page.route("**/movies", async (route) => {
    if (route.request().method() === "POST") await answered;
    await route.continue();
  });
  await titleField(page).fill("Heat");
  await save(page).click();
  await expect(page.getByRole("button", { name: "Adding …" })).toBeVisible();
  await choose(page, FILE);
  answer();
  await expect(page).toHaveURL("/playlist");
  await release();
  await page.getByRole("link", { name: "Add movie" }).click();
  await expect(titleField(page)).toHaveValue("");
  expect(await page.evaluate(() => Object.keys(sessionStorage))).toEqual([]);
});
