"use client";

import { useState } from "react";
import { FormProblem } from "@/components/form";
import { Icon } from "@/components/icons";
import { api } from "@/lib/api";
import { useDownload } from "@/lib/download";

const FORMATS = {
  csv: "Table (CSV), for spreadsheets",
  letterboxd: "CSV for Letterboxd's import",
  json: "JSON, with everything, for programs and for here",
} as const;

type Format = keyof typeof FORMATS;

/** Downloads the whole list. */
export function Export() {
  const [format, setFormat] = useState<Format>("csv");
  const [download, { busy, problem }] = useDownload(
    () => api().GET("/movies/export", { params: { query: { format } }, parseAs: "blob" }),
    format === "json" ? "playlist.json" : "playlist.csv",
  );
  return (
    <>
      <fieldset className="choices">
        <legend className="unseen">Format</legend>
        {(Object.keys(FORMATS) as Format[]).map((each) => (
          <label key={each}>
            <input
              type="radio"
              name="format"
              value={each}
              checked={each === format}
              onChange={() => setFormat(each)}
            />
            {FORMATS[each]}
          </label>
        ))}
      </fieldset>
      <FormProblem problem={problem} />
      <button className="button quiet" aria-disabled={busy} onClick={download}>
        <Icon name="in" />
        {busy ? "Preparing …" : "Download"}
      </button>
    </>
  );
}
