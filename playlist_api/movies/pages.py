"""A user's list of movies, page by page: in its order or another, whole or searched through."""

from collections.abc import Mapping
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any

from playlist_api.api.fields import SPACES
from playlist_api.api.identity import Identity
from playlist_api.db.models import MAX_ID
from playlist_api.errors import SessionEnded
from playlist_api.movies.cursors import NEWEST_FIRST, Cursor, encode_cursor
from playlist_api.movies.page_queries import (
    keyset_pages,
    numbered_pages,
    reversed_sort,
    search_pages,
)
from playlist_api.movies.queries import as_movie
from playlist_api.ops.bulkheads import Bulkhead
from playlist_api.ops.clients import client_keys

BESIDES_NUMBERS = {"search", "year", "sort", "cursor"}
"""Who asks for any of these finds the cursors in the page; others have them as they always had."""

DEEP = 10_000
"""Movies in front of a page from which on it is read like a search, as PostgreSQL counts them."""

bulkhead = Bulkhead(
    "searches",
    4,  # half of the connections, so that short statements find one
    concurrency_per_key=2,
    queue=8,
    timeout=3,  # as long as a search may take
    busy="Too many people are searching. Please try again in a moment.",
)

FROM_THE_START = {"offset": 0, "key": None, "id": None}

Movies = list[dict[str, Any]]
Part = tuple[int, Movies, Cursor | None, Cursor | None]
"""The total, a page's movies, and the places from which the next and the previous page are read."""

Cursors = dict[str, str | None]


def list_movies(identity: Identity, wanted: Mapping[str, Any]) -> tuple[dict[str, Any], Cursors]:
    """Return the page that is wanted of the caller's list, and the cursors of those beside it.

    A page past the end is empty. With a cursor it is what is beside that place, and has no number.

    :raises Unauthorized: when the caller's session has ended.
    :raises TooManyRequests, ServiceUnavailable: when too many searches are under way.
    """
    place, limit = wanted.get("cursor"), wanted["limit"]
    total, items, following, preceding = (
        _page_beside(place, identity, wanted) if place else _numbered_page(identity, wanted)
    )
    number = None if place else wanted["page"]
    meta = {"page": number, "limit": limit, "total": total, "totalPages": -(-total // limit)}
    cursors = {"next": following and encode_cursor(following)}
    if wanted.keys() & BESIDES_NUMBERS:
        cursors["previous"] = preceding and encode_cursor(preceding)
        meta |= cursors
    return {"items": items, "meta": meta}, cursors


def _numbered_page(identity: Identity, wanted: Mapping[str, Any]) -> Part:
    sort, limit = wanted.get("sort", NEWEST_FIRST), wanted["limit"]
    offset = min((wanted["page"] - 1) * limit, MAX_ID)
    total, behind, items = _read(identity, wanted, sort, limit=limit, offset=offset)
    ahead = total > offset + len(items)
    return total, items, *_ends(sort, items, ahead, behind)


def _page_beside(place: Cursor, identity: Identity, wanted: Mapping[str, Any]) -> Part:
    sort, limit = reversed_sort(place.sort) if place.before else place.sort, wanted["limit"]
    # One more, for nothing else says whether there is.
    total, behind, items = _read(
        identity, wanted, sort, limit=limit + 1, key=place.key, id=place.id
    )
    ahead, items = len(items) > limit, items[:limit]
    if not items:
        back = _back(place, sort) if behind else None
        return (total, items, back, None) if place.before else (total, items, None, back)
    if place.before:
        return total, items[::-1], *_ends(place.sort, items[::-1], behind, ahead)
    return total, items, *_ends(sort, items, ahead, behind)


def _read(
    identity: Identity, wanted: Mapping[str, Any], sort: str, **part: Any
) -> tuple[int, bool, Movies]:
    search, years = wanted.get("search", "").strip(SPACES), wanted.get("year", "")
    if search or years:
        first, _, last = years.partition("..")
        terms = {"search": search or None, "first": first or None, "last": last or first or None}
        pages, part = search_pages, {**FROM_THE_START, **terms, **part}
    else:
        pages = numbered_pages if "offset" in part else keyset_pages
    is_long = pages is search_pages or part.get("offset", 0) >= DEEP
    with bulkhead.slot(*client_keys()) if is_long else nullcontext():
        rows = pages[sort](**part, **identity._asdict())
    if not rows:
        raise SessionEnded
    items = [as_movie(row) for _, _, *row in rows if row[0] is not None]
    return rows[0][0], rows[0][1], items


def _ends(
    sort: str, items: Movies, ahead: bool, behind: bool
) -> tuple[Cursor | None, Cursor | None]:
    following = _place(sort, items[-1]) if items and ahead else None
    return following, _place(sort, items[0], before=True) if items and behind else None


def _place(sort: str, movie: dict[str, Any], *, before: bool = False) -> Cursor:
    key = movie[sort.removeprefix("-")] or ""
    moment = key.replace(tzinfo=UTC) if isinstance(key, datetime) else key
    return Cursor(sort, moment, movie["id"], before)


def _back(place: Cursor, sort: str) -> Cursor:
    # Just beyond its own movie, if that is there still, so that it comes first on the way back.
    beyond = place.id + (-1 if sort.startswith("-") else 1)
    return place._replace(id=max(-MAX_ID, min(beyond, MAX_ID)), before=not place.before)
