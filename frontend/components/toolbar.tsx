"use client";

import { useEffect, useRef, useState } from "react";
import { Icon } from "@/components/icons";
import { addressOf, type MovieQuery, readQuery, type Sort, SORTS } from "@/lib/movie-query";

const PAUSE = 300; // milliseconds without a key, after which what was typed counts

interface ToolbarProps {
  query: MovieQuery;
  onChange: (query: MovieQuery) => void;
}

/** Finds and sorts movies. */
export function Toolbar({ query, onChange }: ToolbarProps) {
  const { typed, type, settle } = useTyped(query, onChange);
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
        onChange={(event) => settle({ sort: event.target.value as Sort })}
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
  const [typed, setTyped] = useState<Typed>({ search: query.search, from: query.from, to: query.to });
  const timer = useRef(0);
  const told = useRef("");
  const shown = inputsOf(addressOf(query));

  // The address may change by itself, on the way back.
  useEffect(() => {
    if (told.current !== shown) setTyped(JSON.parse(shown) as Typed);
    told.current = shown;
  }, [shown]);

  useEffect(() => () => clearTimeout(timer.current), []);

  function settle(change: Partial<MovieQuery>) {
    clearTimeout(timer.current);
    const next = { ...query, ...typed, ...change, page: 1 };
    told.current = inputsOf(addressOf(next));
    onChange(next);
  }

  function type(change: Partial<Typed>) {
    setTyped({ ...typed, ...change });
    clearTimeout(timer.current);
    timer.current = window.setTimeout(settle, PAUSE, { ...typed, ...change });
  }

  return { typed, type, settle };
}

/** What an address puts into the inputs. */
function inputsOf(address: string): string {
  const { search, from, to } = readQuery(new URLSearchParams(address.split("?")[1]));
  return JSON.stringify({ search, from, to });
}
