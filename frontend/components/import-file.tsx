"use client";

import Link from "next/link";
import { useId, useState } from "react";
import { useHydrated } from "@/components/form";
import { Icon } from "@/components/icons";
import { ImportReport } from "@/components/import-report";
import { Problem } from "@/lib/api";
import { useDrop } from "@/lib/drop";
import { FORMATS, importMovies, type Report } from "@/lib/imports";
import { sent } from "@/lib/upload";

const LARGEST = 10 * 1024 * 1024; // bytes; the service takes no more

interface State {
  file?: File;
  report?: Report;
  busy?: boolean;
  problem?: string;
}

/** Takes a file, shows what would become of it, and then does it. */
export function ImportFile() {
  const [state, setState] = useState<State>({});
  const { file, report, busy, problem } = state;

  async function run(given: File, dryRun: boolean) {
    setState({ ...(dryRun ? {} : state), file: given, busy: true });
    try {
      setState({ file: given, report: await importMovies(given, dryRun) });
    } catch (thrown) {
      if (!(thrown instanceof Problem)) throw thrown;
      const reasons = thrown.details.map(({ message }) => message).join(" ");
      setState((last) => ({ ...last, busy: false, problem: reasons || thrown.message }));
    }
  }

  function take(given: File | undefined) {
    if (!given || busy) return;
    if (given.size > LARGEST) setState({ problem: "This file is too large: 10 MB are the most." });
    else void run(given, true);
  }

  return (
    <div className="import">
      <p>
        Lists and watchlists of Letterboxd, IMDb, Movary and Yamtrack, tables with a column “title”,
        and what you took along from here. You see what would be added before anything is.
      </p>
      {problem && (
        <p className="alert" role="alert">
          {problem}
        </p>
      )}
      <Chooser again={Boolean(report)} onTake={take} />
      {file && busy && <Progress adding={Boolean(report)} />}
      {report && (
        <>
          <p className="summary" role="status">
            <bdi>{file?.name}</bdi> is {FORMATS[report.format]} with{" "}
            {count(report.totals.rows, "row")}.{" "}
            <strong>
              {report.dryRun
                ? `${count(report.totals.created, "movie")} would be added.`
                : `${count(report.totals.created, "movie")} added.`}
            </strong>
          </p>
          {file && report.dryRun && (
            <div className="actions">
              <button
                className="button"
                disabled={report.totals.created === 0}
                aria-disabled={busy || undefined}
                onClick={() => !busy && void run(file, false)}
              >
                {report.totals.created === 0
                  ? "Nothing to add"
                  : `Add ${count(report.totals.created, "movie")}`}
              </button>
              <button className="button quiet" onClick={() => setState({})}>
                Never mind
              </button>
            </div>
          )}
          {!report.dryRun && (
            <Link className="button" href="/playlist">
              To the playlist
            </Link>
          )}
          <ImportReport report={report} />
        </>
      )}
    </div>
  );
}

function count(number: number, what: string): string {
  return `${number.toLocaleString("en")} ${what}${number === 1 ? "" : "s"}`;
}

interface ChooserProps {
  again: boolean;
  onTake: (file: File | undefined) => void;
}

function Chooser({ again, onTake }: ChooserProps) {
  const [id, ready] = [useId(), useHydrated()];
  const drop = useDrop(onTake);
  return (
    <div className="drop" {...drop}>
      <input
        id={id}
        className="unseen chooser"
        type="file"
        disabled={!ready}
        accept=".csv,.json,.txt,text/csv,application/json"
        onChange={(event) => {
          onTake(event.target.files?.[0]);
          event.target.value = "";
        }}
      />
      <label className="button quiet" htmlFor={id}>
        <Icon name="in" />
        {again ? "Choose another file" : "Choose a file"}
      </label>
      <p className="hint">Or drop one here.</p>
    </div>
  );
}

function Progress({ adding }: { adding: boolean }) {
  const share = sent.use();
  const sending = share !== undefined && share < 1;
  const words = sending ? "Sending the file …" : adding ? "Adding the movies …" : "Reading the file …";
  return (
    <div className="progress" role="status">
      <p>{words}</p>
      <progress aria-label={words} {...(sending && { value: share })} />
    </div>
  );
}
