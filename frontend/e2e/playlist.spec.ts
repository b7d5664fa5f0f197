import { expect, test, titleField, titles } from "./world.ts";

test("pages are in the address, and survive reload and back", async ({ ada }) => {
  await ada.addMovies(50);
  const page = await ada.open("/playlist");
  await expect(page.locator(".card-title").first()).toContainText("Movie 50");
  await expect(page.getByText("50 movies")).toBeVisible();
  await page.getByRole("link", { name: "Page 3" }).click();
  await expect(page).toHaveURL("/playlist?page=3");
  await expect(page.locator(".card-link")).toHaveCount(2);
  await page.reload();
  await expect(page.locator(".card-link")).toHaveCount(2);
  await page.getByRole("link", { name: "Edit Movie 1", exact: true }).click();
  await expect(page).toHaveURL(/edit/);
  await page.goBack();
  await expect(page).toHaveURL("/playlist?page=3");
  await expect(page.locator(".card-link")).toHaveCount(2);
  await page.goBack();
  await expect(page).toHaveURL("/playlist");
  await expect(page.locator(".card-title").first()).toContainText("Movie 50");
});

test("a deletion is asked about, done, and told of", async ({ ada }) => {
  await ada.addMovie("Heat");
  await ada.addMovie("Ronin");
  const page = await ada.open("/playlist");
  await page.getByRole("button", { name: "Delete Heat" }).click();
  const dialog = page.getByRole("dialog", { name: "Delete this movie?" });
  await dialog.getByRole("button", { name: "Keep it" }).click();
  await expect(dialog).toBeHidden();
  await page.getByRole("button", { name: "Delete Heat" }).click();
  await page.keyboard.press("Escape");
  await expect(dialog).toBeHidden();
  expect(await ada.movies()).toHaveLength(2);
  await page.getByRole("button", { name: "Delete Heat" }).click();
  await dialog.getByRole("button", { name: "Delete" }).click();
  await expect(page.getByText("Heat is off your playlist.")).toBeVisible();
  await expect(page.locator(".card-link")).toHaveCount(1);
  expect(await ada.movies()).toMatchObject([{ title: "Ronin" }]);
});

test("deleting what is gone already is no failure", async ({ ada }) => {
  const { id } = await ada.addMovie("Heat");
  const page = await ada.open("/playlist");
  await page.getByRole("button", { name: "Delete Heat" }).click();
  await ada.call("DELETE", `/movies/${id}`);
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await expect(page.getByText("Your playlist is empty")).toBeVisible();
});

test("a deletion that fails is told in the dialog, and can be tried again", async ({ ada, network }) => {
  await ada.addMovie("Heat");
  const page = await ada.open("/playlist");
  await page.getByRole("button", { name: "Delete Heat" }).click();
  await network.cut();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await expect(page.getByRole("dialog").getByRole("alert")).toContainText("cannot be reached");
  await network.mend();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await expect(page.getByText("Your playlist is empty")).toBeVisible();
});

test("after the last movie of the last page is deleted, the page before is shown", async ({ ada }) => {
  await ada.addMovies(25);
  const page = await ada.open("/playlist?page=2");
  await page.getByRole("button", { name: "Delete Movie 1", exact: true }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await expect(page).toHaveURL("/playlist");
  await expect(page.locator(".card-link")).toHaveCount(24);
});

test("titles of all scripts come out as they were written", async ({ ada }) => {
  const written = ["七人の侍", "باب الحديد", "👩‍👩‍👧 Family night", "Ȧ̴̢ zalgo", "שבע 7"];
  for (const title of written) await ada.addMovie(title);
  const page = await ada.open("/playlist");
  await expect(page.locator(".card-link")).toHaveCount(written.length);
  expect((await titles(page)).reverse()).toEqual(written);
  const arabic = page.locator(".card-title").filter({ hasText: "باب" });
  expect(await arabic.evaluate((element) => getComputedStyle(element).direction)).toBe("rtl");
  await page.getByRole("link", { name: /باب/ }).click();
  await expect(titleField(page)).toHaveValue("باب الحديد");
});

test("titles that look like code stay text, everywhere", async ({ ada }) => {
  const evil = [
    "<script>document.title='pwned'</script>",
    "<img src=x onerror=\"document.title='pwned'\">",
    "\"><svg onload=document.title='pwned'>",
    "javascript:document.title='pwned'",
    "{{constructor.constructor('document.title=1')()}}",
  ];
  for (const title of evil) await ada.addMovie(title);
  const page = await ada.open("/playlist");
  await expect(page.locator(".card-link")).toHaveCount(evil.length);
  expect((await titles(page)).reverse()).toEqual(evil);
  await page.locator(".card-delete").last().click();
  await expect(page.getByRole("dialog")).toContainText("<script>");
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await expect(page.getByText("is off your playlist.")).toBeVisible();
  expect(await page.title()).not.toContain("pwned");
});
