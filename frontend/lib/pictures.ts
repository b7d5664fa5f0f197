import { useEffect, useRef, useState } from "react";
import { Problem } from "@/lib/api";

const TYPES = ["image/png", "image/jpeg", "image/webp", "image/gif"];
const LARGEST = 2 * 1024 * 1024; // bytes; the service takes no more
const WIDEST = 1200; // pixels of what is made smaller

/** A file that cannot be used as a picture. */
export class PictureError extends Problem {
  constructor(message: string) {
    super(400, { code: "VALIDATION_ERROR", message }, null);
  }
}

export interface Picture {
  /** Whether a file is being prepared. */
  preparing: boolean;
  /** Why the last file was not taken, or nothing. */
  error: string;
  choose: (file: Blob) => void;
  /** Takes no file after all. */
  cancel: () => void;
  /** Waits for the file that is being prepared. Throws a `PictureError` if it cannot be used. */
  ready: () => Promise<void>;
}

const IDLE = { preparing: false, error: "" };

/** Prepares the files that are chosen as a picture; the last one counts. */
export function usePicture(onReady: (imageUrl: string) => void): Picture {
  const [state, setState] = useState(IDLE);
  const latest = useRef<Promise<void>>(undefined);
  useEffect(() => () => (latest.current = undefined), []);

  function choose(file: Blob) {
    const isLatest = () => latest.current === preparation;
    const preparation: Promise<void> = readPicture(file).then(
      (imageUrl) => {
        if (!isLatest()) return;
        cancel();
        onReady(imageUrl);
      },
      (error: unknown) => {
        if (!isLatest()) return;
        latest.current = undefined;
        setState({ preparing: false, error: error instanceof PictureError ? error.message : "" });
        throw error;
      },
    );
    latest.current = preparation;
    setState({ preparing: true, error: "" });
    preparation.catch((error: unknown) => {
      if (!(error instanceof PictureError)) throw error;
    });
  }

  function cancel() {
    latest.current = undefined;
    setState(IDLE);
  }

  async function ready() {
    while (latest.current) await latest.current; // another one may be chosen meanwhile
  }

  return { ...state, choose, cancel, ready };
}

/** Reads a picture as a `data:` URL that the service takes, and makes it smaller if it must. */
async function readPicture(file: Blob): Promise<string> {
  const bitmap = await createImageBitmap(file).catch(() => {
    throw new PictureError("This file is no picture that can be read. Try a PNG, JPEG, WebP or GIF.");
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
  if (!blob || blob.size > LARGEST) throw new PictureError("This picture is too large. Try one below 2 MB.");
  return blob;
}

function dataUrl(blob: Blob): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(new PictureError("This file cannot be read."));
    reader.readAsDataURL(blob);
  });
}
