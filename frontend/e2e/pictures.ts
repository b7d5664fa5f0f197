import type { Page } from "@playwright/test";

export const PNG = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==",
  "base64",
);

export const FILE = { name: "heat.png", mimeType: "image/png", buffer: PNG };

/** Has pictures take long to prepare, as large ones do. Returns how to let them be done. */
export async function holdPictures(page: Page): Promise<() => Promise<void>> {
  await page.evaluate(() => {
    const prepare = window.createImageBitmap;
    const released = new Promise((resolve) => document.addEventListener("release", resolve));
    window.createImageBitmap = async (file: ImageBitmapSource) => {
      await released;
      return prepare(file);
    };
  });
  return () => page.evaluate(() => void document.dispatchEvent(new Event("release")));
}
