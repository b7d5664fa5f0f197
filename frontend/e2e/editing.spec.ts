import { expect, Person, test } from "./world.ts";

test("a movie is changed, told of, and shown as it is now", async ({ ada }) => {
  await ada.addMovie("Haet", { year: "1959" });
  const page = await ada.open("/playlist");
  await page.getByRole("link", { name: /Edit Haet/ }).click();
  await expect(page.getByLabel("Year", { exact: true })).toHaveValue("1959");
  await page.getByLabel("Title").fill("Heat");
  await page.getByLabel("Year").fill("");
  await page.getByRole("button", { name: "Save the changes" }).click();
  await expect(page).toHaveURL("/playlist");
  await expect(page.getByText("Heat is changed.")).toBeVisible();
  expect(await ada.movies()).toMatchObject([{ title: "Heat", year: null }]);
});

test("problems are told at their fields", async ({ ada }) => {
  const { id } = await ada.addMovie("Heat");
  const page = await ada.open(`/edit?id=${id}`);
  await page.getByLabel("Title").fill(" ");
  await page.getByRole("button", { name: "Save the changes" }).click();
  await expect(page.getByLabel("Title")).toBeFocused();
  await expect(page.getByLabel("Title")).toHaveAccessibleDescription(/blank/);
});

test("a change elsewhere in the meantime is told, and overwritten only if one wants", async ({ ada }) => {
  const { id } = await ada.addMovie("Haet");
  const page = await ada.open(`/edit?id=${id}`);
  await page.getByLabel("Title").fill("Heat");
  await ada.call("PATCH", `/movies/${id}`, { title: "Hate" });
  const save = page.getByRole("button", { name: "Save the changes" });
  await save.click();
  await expect(page.getByRole("alert").first()).toContainText("“Hate”");
  await expect(page.getByLabel("Title")).toHaveValue("Heat");
  expect(await ada.movies()).toMatchObject([{ title: "Hate" }]);
  await save.click();
  await expect(page).toHaveURL("/playlist");
  expect(await ada.movies()).toMatchObject([{ title: "Heat" }]);
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
