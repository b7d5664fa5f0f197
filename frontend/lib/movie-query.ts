import type { ReadonlyURLSearchParams } from "next/navigation";

export const PAGE_SIZE = 24;

export const SORTS = {
  "-createdAt": "Newest first",
  createdAt: "Oldest first",
  title: "Title, A to Z",
  "-title": "Title, Z to A",
  "-year": "Year, latest first",
  year: "Year, earliest first",
  "-updatedAt": "Recently changed",
} as const;

export type Sort = keyof typeof SORTS;

/** Which movies are shown, as the address says it. What is not there is as usual. */
export interface MovieQuery {
  page: number;
  search: string;
  from: string;
  to: string;
  sort: Sort;
}

export const EVERYTHING: MovieQuery = { page: 1, search: "", from: "", to: "", sort: "-createdAt" };

export function readQuery(address: URLSearchParams | ReadonlyURLSearchParams): MovieQuery {
  const page = Number(address.get("page") ?? 1);
  const sort = address.get("sort") ?? EVERYTHING.sort;
  const [from = "", to = from] = (address.get("year") ?? "").split("..").map(whole);
  return {
    page: Number.isSafeInteger(page) && page > 0 ? page : 1,
    search: address.get("search") ?? "",
    from,
    to,
    sort: sort in SORTS ? (sort as Sort) : EVERYTHING.sort,
  };
}

/** The address of these movies; years may be open at one end, as in `1999..`. */
export function addressOf({ page, search, sort, ...query }: MovieQuery): string {
  const [from, to] = [whole(query.from), whole(query.to)];
  const year = from === to ? from : `${from}..${to}`;
  const address = new URLSearchParams({
    ...(search && { search }),
    ...(year && { year }),
    ...(sort !== EVERYTHING.sort && { sort }),
    ...(page > 1 && { page: String(page) }),
  });
  return address.size > 0 ? `/playlist?${address}` : "/playlist";
}

/** What the service is asked, which knows no open ends. */
export function asked({ page, search, sort, ...query }: MovieQuery) {
  const [from, to] = [whole(query.from), whole(query.to)];
  const year = from === to ? from : `${from || "0000"}..${to || "9999"}`;
  return {
    page,
    limit: PAGE_SIZE,
    ...(search.trim() && { search }),
    ...(year && { year }),
    ...(sort !== EVERYTHING.sort && { sort }),
  };
}

// A year that is still being typed is none.
function whole(year: string): string {
  return /^[0-9]{4}$/.test(year) ? year : "";
}

export function isFiltered({ search, from, to }: MovieQuery): boolean {
  return Boolean(search.trim() || whole(from) || whole(to));
}
