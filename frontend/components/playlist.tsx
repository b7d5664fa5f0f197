"use client";

import Link from "next/link";
import { useSearchParams } from "next/navigation";
import { Suspense, useEffect, useRef, useState } from "react";
import { DeleteDialog } from "@/components/delete-dialog";
import { Icon } from "@/components/icons";
import { MovieGrid, SkeletonGrid } from "@/components/movie-grid";
import { Nothing, NothingFound } from "@/components/nothing";
import { Pager } from "@/components/pager";
import { Toolbar } from "@/components/toolbar";
import { Trouble } from "@/components/trouble";
import { api, ask, type Movie } from "@/lib/api";
import { useLoad } from "@/lib/load";
import { addressOf, asked, EVERYTHING, isFiltered, type MovieQuery, readQuery } from "@/lib/movie-query";

export function Playlist() {
  return (
    <Suspense fallback={<Frame query={EVERYTHING} />}>
      <Searched />
    </Suspense>
  );
}

/** The page before the address is known: as it looks while it loads. */
function Frame({ query }: { query: MovieQuery }) {
  return (
    <>
      <Heading count={undefined} />
      <Toolbar query={query} onChange={() => undefined} />
      <SkeletonGrid />
    </>
  );
}

function Searched() {
  const query = readQuery(useSearchParams());
  const list = useLoad(`movies ${addressOf(query)}`, () =>
    ask(api().GET("/movies", { params: { query: asked(query) } })),
  );
  const [doomed, setDoomed] = useState<Movie>();
  const top = useRef<HTMLHeadingElement>(null);
  const { data, problem, busy, reload } = list;
  const pages = data?.meta.totalPages ?? 0;

  // After the last movie of the last page was deleted, the page before is the last one.
  useEffect(() => {
    if (!busy && pages > 0 && query.page > pages) show({ ...query, page: pages }, "replace");
  });

  function turnTo(page: number) {
    show({ ...query, page }, "push");
    top.current?.focus({ preventScroll: true });
    scrollTo({ top: 0 });
  }

  return (
    <>
      <Heading count={data?.meta.total} found={isFiltered(query)} heading={top} />
      <Toolbar query={query} onChange={(changed) => show(changed, "replace")} />
      {problem && <Trouble problem={problem} onRetry={reload} />}
      {data ? (
        <div className={busy ? "stale" : undefined} aria-busy={busy}>
          {data.items.length > 0 ? (
            <MovieGrid movies={data.items} onDelete={setDoomed} />
          ) : isFiltered(query) ? (
            <NothingFound onClear={() => show({ ...EVERYTHING, sort: query.sort }, "push")} />
          ) : (
            pages === 0 && <Nothing />
          )}
          <Pager query={query} pages={pages} onTurn={turnTo} />
        </div>
      ) : (
        !problem && <SkeletonGrid />
      )}
      {doomed && (
        <DeleteDialog
          movie={doomed}
          onDone={() => {
            setDoomed(undefined);
            top.current?.focus();
            reload();
          }}
          onClose={() => setDoomed(undefined)}
        />
      )}
    </>
  );
}

/** Shows other movies; the address says which, so that a reload and the way back find them. */
function show(query: MovieQuery, how: "push" | "replace"): void {
  const address = addressOf(query);
  if (how === "push") history.pushState(null, "", address);
  else history.replaceState(null, "", address);
}

interface HeadingProps {
  count: number | undefined;
  found?: boolean;
  heading?: React.RefObject<HTMLHeadingElement | null>;
}

function Heading({ count, found, heading }: HeadingProps) {
  const movies = count === 1 ? "movie" : "movies";
  return (
    <div className="heading">
      <h1 ref={heading} tabIndex={-1}>
        My playlist
      </h1>
      <p className="count" role="status">
        {count !== undefined && `${count.toLocaleString("en")} ${movies}${found ? " found" : ""}`}
      </p>
      <Link className="button quiet" href="/import">
        <Icon name="in" />
        <span>Import &amp; export</span>
      </Link>
    </div>
  );
}
