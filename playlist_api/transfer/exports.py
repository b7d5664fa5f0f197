"""What users take out as files, read while it is sent."""

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from itertools import chain, islice
from typing import Any, NamedTuple
from uuid import UUID

from playlist_api.api.json import with_lists
from playlist_api.db.models import User
from playlist_api.db.statements import Query
from playlist_api.movies.schemas import movie_schema
from playlist_api.ops.bulkheads import Bulkhead
from playlist_api.ops.clients import client_keys
from playlist_api.posters.schemas import picture_schema
from playlist_api.transfer.queries import next_idempotency_keys, next_oldest, next_pictures
from playlist_api.transfer.schemas import idempotency_key_schema
from playlist_api.transfer.spreadsheets import guarded

READ_AT_ONCE = 500
"""Rows that are read at a time, by a statement of its own: however slowly they are taken, no
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

QUOTE = '"'
SPECIAL = re.compile('[,;"\t\r\n]')

FORMULA_SIGNS = "=+-@"
"""A cell that begins with one is a formula. A spreadsheet that separates by semicolons finds such
cells inside a URL, where quotes do not help."""

Entry = dict[str, Any]
Movie = Entry
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
    beginning = {"created_at": datetime.min.replace(tzinfo=UTC), "id": 0}
    return _read(next_oldest, owner_id, movie_schema.names, beginning, _place_of_movie)


def _place_of_movie(movie: Movie) -> Entry:
    return {"created_at": movie["createdAt"].replace(tzinfo=UTC), "id": movie["id"]}


def idempotency_keys_of(owner_id: UUID) -> Iterator[Entry]:
    """Read somebody's idempotency keys, oldest first, when the request may be over."""
    return _read(
        next_idempotency_keys,
        owner_id,
        idempotency_key_schema.names,
        {"movie_id": 0},
        lambda key: {"movie_id": key["movieId"]},
    )


def pictures_of(owner_id: UUID) -> Iterator[Entry]:
    """Read what somebody's pictures are called and take, when the request may be over."""
    return _read(
        next_pictures,
        owner_id,
        picture_schema.names,
        {"name": ""},
        lambda picture: {"name": picture["name"]},
    )


def _read(
    query: Query,
    owner_id: UUID,
    names: Iterable[str],
    beginning: Entry,
    place_of: Callable[[Entry], Entry],
) -> Iterator[Entry]:
    next_after = query.afterwards()

    def entries() -> Iterator[Entry]:
        place = beginning
        while rows := next_after(user_id=owner_id, limit=READ_AT_ONCE, **place):
            read = [dict(zip(names, row, strict=True)) for row in rows]
            yield from read
            place = place_of(read[-1])

    return entries()


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
    return with_lists({}, {"movies": movies})


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
