"use client";

import { useEffect, useRef, useState } from "react";
import { Icon } from "@/components/icons";
import { type MovieQuery, type Sort, SORTS } from "@/lib/movie-query";

const PAUSE = 300; // milliseconds without a key, after which what was typed counts

interface ToolbarProps {
  query: MovieQuery;
  onChange: (query: MovieQuery) => void;
}

/** Finds and sorts movies. */
export function Toolbar({ query, onChange }: ToolbarProps) {
  const [typed, type] = useTyped(query, onChange);
  return (
    <search className="toolbar">
      <div className="search-box">
        <Icon name="search" />
        <input
          type="search"
          name="search"
          aria-label="Search titles"
          placeholder="Search titles"
          dir="auto"
          maxLength={255}
          value={typed.search}
          onChange={(event) => type({ search: event.target.value })}
        />
      </div>
      <div className="years" role="group" aria-label="Years">
        <YearInput label="From year" hint="From" value={typed.from} onChange={(from) => type({ from })} />
        <span aria-hidden="true">–</span>
        <YearInput label="To year" hint="To" value={typed.to} onChange={(to) => type({ to })} />
      </div>
      <select
        aria-label="Sort by"
        value={query.sort}
        onChange={(event) => onChange({ ...query, sort: event.target.value as Sort, page: 1 })}
      >
        {Object.entries(SORTS).map(([sort, words]) => (
          <option key={sort} value={sort}>
            {words}
          </option>
        ))}
      </select>
    </search>
  );
}

interface YearInputProps {
  label: string;
  hint: string;
  value: string;
  onChange: (year: string) => void;
}

function YearInput({ label, hint, value, onChange }: YearInputProps) {
  return (
    <input
      aria-label={label}
      placeholder={hint}
      inputMode="numeric"
      maxLength={4}
      value={value}
      onChange={(event) => onChange(event.target.value)}
    />
  );
}

type Typed = Pick<MovieQuery, "search" | "from" | "to">;

/** What is in the inputs, which counts once nobody has typed for a moment. */
function useTyped(query: MovieQuery, onChange: (query: MovieQuery) => void) {
  const { search, from, to } = query;
  const [typed, setTyped] = useState<Typed>({ search, from, to });
  const timer = useRef(0);
  const known = useRef("");

  // The address may change by itself, on the way back.
  useEffect(() => {
    const shown = JSON.stringify({ search, from, to });
    if (known.current !== shown) setTyped({ search, from, to });
    known.current = shown;
  }, [search, from, to]);

  useEffect(() => () => clearTimeout(timer.current), []);

  function type(change: Partial<Typed>) {
    const next = { ...typed, ...change };
    setTyped(next);
    clearTimeout(timer.current);
    timer.current = window.setTimeout(() => {
      known.current = JSON.stringify(next);
      onChange({ ...query, ...next, page: 1 });
    }, PAUSE);
  }

  return [typed, type] as const;
}
