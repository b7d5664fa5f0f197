"use client";

import { Export } from "@/components/export";
import { ImportFile } from "@/components/import-file";

export function Import() {
  return (
    <>
      <h1>Import and export</h1>
      <div className="sections">
        <section aria-labelledby="import" className="wide">
          <h2 id="import">Bring a list along</h2>
          <ImportFile />
        </section>
        <section aria-labelledby="export" className="wide">
          <h2 id="export">Take your list with you</h2>
          <Export />
        </section>
      </div>
    </>
  );
}
