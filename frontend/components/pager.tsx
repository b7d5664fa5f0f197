import type { MouseEvent } from "react";
import { Icon } from "@/components/icons";
import { addressOf, type MovieQuery } from "@/lib/movie-query";

interface PagerProps {
  query: MovieQuery;
  pages: number;
  onTurn: (page: number) => void;
}

/** Links to the other pages of a list. */
export function Pager({ query, pages, onTurn }: PagerProps) {
  if (pages < 2) return null;
  const link = (page: number) => ({
    href: addressOf({ ...query, page }),
    onClick: (event: MouseEvent) => {
      if (event.metaKey || event.ctrlKey || event.shiftKey) return;
      event.preventDefault();
      onTurn(page);
    },
  });
  return (
    <nav className="pager" aria-label="Pages">
      {query.page > 1 && (
        <a {...link(query.page - 1)} rel="prev" className="step">
          <Icon name="back" />
          <span className="unseen">Previous page</span>
        </a>
      )}
      {numbers(query.page, pages).map((page, index) =>
        page === 0 ? (
          <span key={`gap ${index}`} aria-hidden="true">
            …
          </span>
        ) : (
          <a
            key={page}
            {...link(page)}
            aria-label={`Page ${page}`}
            aria-current={page === query.page ? "page" : undefined}
          >
            {page}
          </a>
        ),
      )}
      {query.page < pages && (
        <a {...link(query.page + 1)} rel="next" className="step">
          <Icon name="forth" />
          <span className="unseen">Next page</span>
        </a>
      )}
    </nav>
  );
}

/** The first, the last, and those around the page; 0 stands for a gap. */
function numbers(page: number, pages: number): number[] {
  const near = [1, page - 1, page, page + 1, pages].filter((each) => each >= 1 && each <= pages);
  const shown = [...new Set(near)].sort((one, other) => one - other);
  return shown.flatMap((each, index) => {
    const missing = each - (shown[index - 1] ?? 0) - 1;
    return missing === 0 ? [each] : missing === 1 ? [each - 1, each] : [0, each];
  });
}
