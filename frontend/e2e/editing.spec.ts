import { FILE, holdPictures } from "./pictures.ts";
import { expect, Person, test, titleField } from "./world.ts";

test("a movie is changed, told of, and shown as it is now", async ({ ada }) => {
  await ada.addMovie("Haet", { year: "1959" });
  const page = await ada.open("/playlist");
  await page.getByRole("link", { name: /Edit Haet/ }).click();
  await expect(page.getByLabel("Year", { exact: true })).toHaveValue("1959");
  await titleField(page).fill("Heat");
  await page.getByLabel("Year").fill("");
  await page.getByRole("button", { name: "Save the changes" }).click();
  await expect(page).toHaveURL("/playlist");
  await expect(page.getByText("Heat is changed.")).toBeVisible();
  expect(await ada.movies()).toMatchObject([{ title: "Heat", year: null }]);
});

test("problems are told at their fields", async ({ ada }) => {
  const { id } = await ada.addMovie("Heat");
  const page = await ada.open(`/edit?id=${id}`);
  await titleField(page).fill(" ");
  await page.getByRole("button", { name: "Save the changes" }).click();
  await expect(titleField(page)).toBeFocused();
  await expect(titleField(page)).toHaveAccessibleDescription(/blank/);
});

test("a change elsewhere in the meantime is told, and overwritten only if one wants", async ({ ada }) => {
  const { id } = await ada.addMovie("Haet");
  const page = await ada.open(`/edit?id=${id}`);
  await titleField(page).fill("Heat");
  await ada.call("PATCH", `/movies/${id}`, { title: "Hate" });
  const save = page.getByRole("button", { name: "Save the changes" });
  await save.click();
  await expect(page.getByRole("alert").first()).toContainText("changed elsewhere");
  await expect(page.getByRole("figure", { name: "Yours" })).toContainText("Heat");
  await expect(page.getByRole("figure", { name: "Changed elsewhere" })).toContainText("Hate");
  await expect(titleField(page)).toHaveValue("Heat");
  expect(await ada.movies()).toMatchObject([{ title: "Hate" }]);
  await save.click();
  await expect(page).toHaveURL("/playlist");
  expect(await ada.movies()).toMatchObject([{ title: "Heat" }]);
});

test("a draft that was begun on an older version does not replace a newer one unasked", async ({ ada }) => {
  const { id } = await ada.addMovie("Haet");
  const page = await ada.open(`/edit?id=${id}`);
  await titleField(page).fill("Heat");
  await ada.call("PATCH", `/movies/${id}`, { title: "Hate", year: "1995" });
  await page.reload();
  await expect(page.getByText("We kept what you typed.")).toBeVisible();
  await expect(titleField(page)).toHaveValue("Heat");
  await page.getByRole("button", { name: "Save the changes" }).click();
  await expect(page.getByRole("alert").first()).toContainText("changed elsewhere");
  await expect(page.getByRole("figure", { name: "Yours" })).toContainText("No year");
  await expect(page.getByRole("figure", { name: "Changed elsewhere" })).toContainText("1995");
  await expect(titleField(page)).toHaveValue("Heat");
  expect(await ada.movies()).toMatchObject([{ title: "Hate", year: "1995" }]);
  await page.getByRole("button", { name: "Discard mine" }).click();
  await expect(titleField(page)).toHaveValue("Hate");
  await expect(titleField(page)).toBeFocused();
  await expect(page.getByRole("alert").filter({ hasText: "elsewhere" })).toHaveCount(0);
  await titleField(page).fill("Heat");
  await page.getByRole("button", { name: "Save the changes" }).click();
  await expect(page).toHaveURL("/playlist");
  expect(await ada.movies()).toMatchObject([{ title: "Heat", year: "1995" }]);
});

test("the form shows what was saved last, also on the way back to it", async ({ ada }) => {
  const { id } = await ada.addMovie("Haet");
  const page = await ada.open(`/edit?id=${id}`);
  await titleField(page).fill("Heat");
  await page.getByRole("button", { name: "Save the changes" }).click();
  await page.getByRole("link", { name: "Edit Heat" }).click();
  await expect(titleField(page)).toHaveValue("Heat");
  await expect(page.getByText("We kept what you typed.")).toHaveCount(0);
});

test("a picture that is still being prepared is saved with the changes", async ({ ada }) => {
  const { id } = await ada.addMovie("Heat");
  const page = await ada.open(`/edit?id=${id}`);
  const release = await holdPictures(page);
  await page.getByLabel("Choose a file").setInputFiles(FILE);
  await page.getByRole("button", { name: "Save the changes" }).click();
  await expect(page.getByRole("button", { name: "Preparing the picture…" })).toBeVisible();
  expect(await ada.movies()).toMatchObject([{ imageUrl: null }]);
  await release();
  await expect(page).toHaveURL("/playlist");
  expect((await ada.movies())[0]?.imageUrl).toMatch(/\/media\/[0-9a-f]{64}\.png$/);
  await page.getByRole("link", { name: "Edit Heat" }).click();
  await expect(page.getByText("A file of yours")).toHaveCount(0);
});

test("a movie of somebody else, or of nobody, is not on the playlist", async ({ ada, browser }) => {
  const { id } = await (await Person.signUp(browser, "Bob")).addMovie("Heat");
  for (const address of [`/edit?id=${id}`, "/edit?id=999999999", "/edit?id=x", "/edit"]) {
    const page = await ada.open(address);
    await expect(page.getByRole("heading", { name: "This movie is not on your playlist" })).toBeVisible();
  }
});

test("a movie can be deleted where it is edited", async ({ ada }) => {
  const { id } = await ada.addMovie("Heat");
  const page = await ada.open(`/edit?id=${id}`);
  await page.getByRole("button", { name: "Delete this movie" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await expect(page).toHaveURL("/playlist");
  await expect(page.getByRole("heading", { name: "Your playlist is empty" })).toBeVisible();
});
