"use client";

import { useEffect, useId, useRef } from "react";
import { Field } from "@/components/field";
import { useHydrated } from "@/components/form";
import { Icon } from "@/components/icons";
import { Poster } from "@/components/poster";
import { useDrop } from "@/lib/drop";
import type { Picture } from "@/lib/pictures";

interface PictureFieldProps {
  title: string;
  /** An address, a `data:` URL of a file, or nothing. */
  value: string;
  picture: Picture;
  onChange: (imageUrl: string) => void;
  wrong: string;
}

/** A picture by file (chosen, dropped or pasted) or by address, shown as it will look. */
export function PictureField({ title, value, picture, onChange, wrong }: PictureFieldProps) {
  const { preparing, error } = picture;
  const chooser = useRef<HTMLInputElement>(null);
  const [id, ready, isFile] = [useId(), useHydrated(), value.startsWith("data:")];

  function choose(file: Blob | undefined) {
    if (file) picture.choose(file);
  }

  function change(imageUrl: string) {
    picture.cancel();
    onChange(imageUrl);
  }

  usePaste(choose);

  const drop = useDrop(choose);

  return (
    <fieldset className="picture" {...drop}>
      <legend>Picture</legend>
      <div className="picture-preview">
        <Poster title={title} imageUrl={value || null} eager />
      </div>
      <div className="picture-ways">
        <input
          ref={chooser}
          id={id}
          className="unseen chooser"
          type="file"
          accept="image/*"
          disabled={!ready}
          aria-describedby={`${id}-hint`}
          onChange={(event) => {
            choose(event.target.files?.[0]);
            event.target.value = "";
          }}
        />
        <label className="button quiet" htmlFor={id}>
          <Icon name="picture" />
          {isFile ? "Choose another file" : "Choose a file"}
        </label>
        <p className="hint" id={`${id}-hint`} role="status">
          {preparing ? "Preparing the picture…" : "Or drop one here, or paste one from the clipboard."}
        </p>
        {isFile ? (
          <p className="chosen">
            <Icon name="check" />A file of yours
          </p>
        ) : (
          <Field
            label="Or its address"
            name="imageUrl"
            type="url"
            inputMode="url"
            placeholder="https://"
            autoComplete="off"
            maxLength={2048}
            value={value}
            wrong={error ? "" : wrong}
            onChange={(event) => change(event.target.value)}
          />
        )}
        {(error || (isFile && wrong)) && (
          <p className="wrong" role="alert">
            {error || wrong}
          </p>
        )}
        {(value || preparing) && (
          <button type="button" className="button quiet" onClick={() => change("")}>
            <Icon name="cross" />
            Without a picture
          </button>
        )}
      </div>
    </fieldset>
  );
}

/** Takes pictures that are pasted anywhere on the page. */
function usePaste(take: (file: Blob) => void): void {
  const taker = useRef(take);
  useEffect(() => {
    taker.current = take;
  });
  useEffect(() => {
    const paste = (event: ClipboardEvent) => {
      const file = event.clipboardData?.files[0];
      if (file) taker.current(file);
    };
    document.addEventListener("paste", paste);
    return () => document.removeEventListener("paste", paste);
  }, []);
}
