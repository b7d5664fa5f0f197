import { readFileSync } from "node:fs";
import { expect, newEmail, PASSWORD, test } from "./world.ts";

test("name and e-mail are changed, the e-mail with the password", async ({ ada }) => {
  const page = await ada.open("/account");
  await expect(page.getByLabel("E-mail")).toHaveValue(ada.email);
  const profile = page.getByRole("form", { name: "Profile" });
  await profile.getByLabel("Name").fill("Ada Lovelace");
  await profile.getByLabel("E-mail").fill(newEmail());
  await profile.getByLabel("Current password", { exact: true }).fill("wrong");
  await profile.getByRole("button", { name: "Save the profile" }).click();
  await expect(profile.getByLabel("Current password", { exact: true })).toHaveAttribute("aria-invalid", "true");
  await profile.getByLabel("Current password", { exact: true }).fill(PASSWORD);
  await profile.getByRole("button", { name: "Save the profile" }).click();
  await expect(page.getByText("Your profile is changed.")).toBeVisible();
  await expect(profile.getByLabel("Current password", { exact: true })).toHaveCount(0);
});

test("a new password signs out the other devices", async ({ ada }) => {
  await ada.elsewhere();
  const page = await ada.open("/account");
  await expect(page.locator(".devices li")).toHaveCount(2);
  await expect(page.locator(".devices strong", { hasText: "Safari on iOS" })).toBeVisible();
  const form = page.getByRole("form", { name: "Password" });
  await form.getByLabel("Current password", { exact: true }).fill("wrong");
  await form.getByLabel("New password", { exact: true }).fill("another horse battery");
  await form.getByRole("button", { name: "Change the password" }).click();
  await expect(form.getByLabel("Current password", { exact: true })).toHaveAttribute("aria-invalid", "true");
  await form.getByLabel("Current password", { exact: true }).fill(PASSWORD);
  await form.getByRole("button", { name: "Change the password" }).click();
  await expect(page.getByText("Your password is changed")).toBeVisible();
  await page.reload();
  await expect(page.locator(".devices li")).toHaveCount(1);
});

test("another device is signed out, and lands on the sign-in page", async ({ ada }) => {
  const page = await ada.open("/account");
  const other = await (await ada.elsewhere()).open("/playlist");
  await page.reload();
  await page.locator(".devices").getByRole("button", { name: /Sign out/ }).click();
  await expect(page.getByText("That device is signed out.")).toBeVisible();
  await expect(page.locator(".devices li")).toHaveCount(1);
  await other.reload();
  await expect(other).toHaveURL("/sign-in?why=ended");
});

test("everything that is kept about one can be taken along", async ({ ada }) => {
  await ada.addMovie("Heat");
  const page = await ada.open("/account");
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: "Download my data" }).click(),
  ]);
  const data = JSON.parse(readFileSync(await download.path(), "utf8"));
  expect(data).toMatchObject({ user: { email: ada.email }, movies: [{ title: "Heat" }] });
});

test("the account is deleted with its password, and nobody gets in any more", async ({ ada }) => {
  const page = await ada.open("/account");
  await page.getByRole("button", { name: "Delete my account" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Your password", { exact: true }).fill("wrong");
  await dialog.getByRole("button", { name: "Delete everything" }).click();
  await expect(dialog.getByLabel("Your password", { exact: true })).toHaveAttribute("aria-invalid", "true");
  await dialog.getByLabel("Your password", { exact: true }).fill(PASSWORD);
  await dialog.getByRole("button", { name: "Delete everything" }).click();
  await expect(page).toHaveURL("/sign-in?why=deleted");
  await page.getByLabel("E-mail").fill(ada.email);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("alert").first()).toBeVisible();
});
