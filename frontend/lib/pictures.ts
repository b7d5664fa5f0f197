const TYPES = ["image/png", "image/jpeg", "image/webp", "image/gif"];
const LARGEST = 2 * 1024 * 1024; // bytes; the service takes no more
const WIDEST = 1200; // pixels of what is made smaller

/** What is wrong with a file that should be a picture. */
export class NoPicture extends Error {}

/** Reads a picture as a `data:` URL that the service takes, and makes it smaller if it must. */
export async function readPicture(file: Blob): Promise<string> {
  const bitmap = await createImageBitmap(file).catch(() => {
    throw new NoPicture("This file is no picture that can be read. Try a PNG, JPEG, WebP or GIF.");
  });
  if (TYPES.includes(file.type) && file.size <= LARGEST) return dataUrl(file);
  return dataUrl(await smaller(bitmap));
}

async function smaller(bitmap: ImageBitmap): Promise<Blob> {
  const scale = Math.min(1, WIDEST / bitmap.width);
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  canvas.getContext("2d")?.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.85));
  if (!blob || blob.size > LARGEST) throw new NoPicture("This picture is too large. Try one below 2 MB.");
  return blob;
}

function dataUrl(blob: Blob): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(new NoPicture("This file cannot be read."));
    reader.readAsDataURL(blob);
  });
}
