"""Lists of movies as files, read while they are sent."""

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from itertools import chain, islice
from typing import Any, NamedTuple
from uuid import UUID

from playlist_api.bulkheads import Bulkhead
from playlist_api.clients import client_keys
from playlist_api.models import User
from playlist_api.schemas.json import with_list
from playlist_api.services.queries import as_movie, next_oldest
from playlist_api.services.spreadsheets import guarded

READ_AT_ONCE = 500
"""Movies that are read at a time, by a statement of its own: however slowly they are taken, no
transaction stays open for them, and no connection waits."""

bulkhead = Bulkhead(
    "exports",
    8,
    concurrency_per_key=2,
    # Nobody waits, for a slow reader may take an export for hours.
    queue=0,
    timeout=0,
    busy="Too many lists are being exported. Please try again in a moment.",
)

BEGINNING = {"created_at": datetime.min.replace(tzinfo=UTC), "id": 0}

QUOTE = '"'
SPECIAL = re.compile('[,;"\t\r\n]')

FORMULA_SIGNS = "=+-@"
"""A cell that begins with one is a formula. A spreadsheet that separates by semicolons finds such
cells inside a URL, where quotes do not help."""

Movie = dict[str, Any]
Cells = tuple[str | None, ...]


class ListFile(NamedTuple):
    """A list as a file: its name, what it is, and its content, bit by bit."""

    name: str
    media_type: str
    content: Iterator[bytes]


def movies_of(owner_id: UUID) -> Iterator[Movie]:
    """Read somebody's movies, oldest first, each as its owner may see it.

    They may be read when the request is over. What is added meanwhile may be among them.
    """
    return _read(next_oldest.afterwards(), owner_id)


def _read(next_after: Callable[..., list[tuple[Any, ...]]], owner_id: UUID) -> Iterator[Movie]:
    place: dict[str, Any] = BEGINNING
    while rows := next_after(user_id=owner_id, limit=READ_AT_ONCE, **place):
        yield from map(as_movie, rows)
        last = as_movie(rows[-1])
        place = {"created_at": last["createdAt"].replace(tzinfo=UTC), "id": last["id"]}


def list_as_file(user: User, wanted: str) -> ListFile:
    """Write the user's list in one of the `WRITERS`' formats.

    :raises TooManyRequests, ServiceUnavailable: when too many exports are under way.
    """
    suffix, media_type, write = WRITERS[wanted]
    return ListFile(f"playlist-{suffix}", media_type, within_share(write(movies_of(user.id))))


def within_share(content: Iterator[bytes]) -> Iterator[bytes]:
    """Hold a slot for an export now, and until its content is closed.

    :raises TooManyRequests, ServiceUnavailable: when too many exports are under way.
    """

    def held() -> Iterator[bytes]:
        with bulkhead.slot(*client_keys()):
            yield b""
            yield from content

    holding = held()
    next(holding)  # a generator that was never started holds nothing, and lets nothing go
    return holding


def _as_json(movies: Iterable[Movie]) -> Iterator[bytes]:
    return with_list({}, "movies", movies)


def _as_csv(movies: Iterable[Movie]) -> Iterator[bytes]:
    # Without a byte order mark Excel takes a file for something else than UTF-8.
    header = ("\ufefftitle", "year", "imageUrl", "createdAt")
    return _table(header, (_cells(**movie) for movie in movies))


def _cells(*, title: str, year: str, imageUrl: str, createdAt: datetime, **_: Any) -> Cells:  # noqa: N803
    return (
        guarded(title),
        year,
        _without_formulas(imageUrl or ""),
        f"{createdAt.isoformat()}Z",
    )


def _without_formulas(url: str) -> str:
    # A regular expression takes 0.5 ms for a URL of nothing but `;=`: 50 s for a long list.
    for sign in FORMULA_SIGNS:
        url = url.replace(f";{sign}", f"%3B{sign}")
    return url


def _for_letterboxd(movies: Iterable[Movie]) -> Iterator[bytes]:
    # https://letterboxd.com/about/importing-data/
    return _table(("Title", "Year"), ((guarded(movie["title"]), movie["year"]) for movie in movies))


def _table(header: Cells, rows: Iterable[Cells]) -> Iterator[bytes]:
    remaining = chain([header], rows)
    while written := list(islice(remaining, READ_AT_ONCE)):
        yield "".join(f"{','.join(map(_quoted, row))}\r\n" for row in written).encode()


def _quoted(cell: str | None) -> str:
    # RFC 4180, and semicolons as well, which separate cells in the spreadsheets of many countries:
    # `a;=1+1` would be a formula there.
    cell = cell or ""
    return f'"{cell.replace(QUOTE, QUOTE * 2)}"' if SPECIAL.search(cell) else cell


WRITERS: dict[str, tuple[str, str, Callable[[Iterable[Movie]], Iterator[bytes]]]] = {
    "json": ("movies.json", "application/json", _as_json),
    "csv": ("movies.csv", "text/csv", _as_csv),
    "letterboxd": ("letterboxd.csv", "text/csv", _for_letterboxd),
}
"""Of each format: how a file's name ends, what it is, and what writes it."""
