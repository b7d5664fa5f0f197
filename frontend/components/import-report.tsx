import type { Outcome, Report, Row } from "@/lib/imports";

const SHOWN = 100; // rows of a kind; nobody reads thousands

const WORDS: Record<Outcome, string> = {
  created: "New",
  refused: "Could not be read",
  duplicateInList: "On your playlist already",
  duplicateInFile: "Twice in the file",
  skipped: "No movies",
};

/** What became of each row of a file, or would. */
export function ImportReport({ report }: { report: Report }) {
  const kinds = Object.keys(WORDS) as Outcome[];
  return (
    <div className="report">
      {kinds.map((kind) => {
        const rows = report.rows.filter(({ outcome }) => outcome === kind);
        return rows.length > 0 && <Kind key={kind} words={WORDS[kind]} rows={rows} open={kind === "created"} />;
      })}
    </div>
  );
}

function Kind({ words, rows, open }: { words: string; rows: Row[]; open: boolean }) {
  return (
    <details open={open}>
      <summary>
        {words} <span className="badge">{rows.length.toLocaleString("en")}</span>
      </summary>
      <ul>
        {rows.slice(0, SHOWN).map((row) => (
          <li key={row.line}>
            <bdi>{row.title ?? "—"}</bdi>
            {row.year && <span> {row.year}</span>}
            {row.reason && (
              <small>
                Line {row.line}: {row.reason}
              </small>
            )}
          </li>
        ))}
        {rows.length > SHOWN && <li>and {(rows.length - SHOWN).toLocaleString("en")} more</li>}
      </ul>
    </details>
  );
}
