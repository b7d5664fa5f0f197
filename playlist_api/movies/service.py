"""A user's list of movies: read, add, change, delete and list them."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError

from playlist_api.api.fields import SPACES
from playlist_api.api.identity import Identity, active_user, session_is_active
from playlist_api.db.engine import db, movies_per_user, violates
from playlist_api.db.models import ADMIN, MAX_ID, Movie, User
from playlist_api.errors import Conflict, Forbidden, ListBusy, NotFound, SessionEnded
from playlist_api.movies import queries
from playlist_api.movies.cursors import NEWEST_FIRST, Cursor, encode_cursor
from playlist_api.movies.page_queries import (
    keyset_pages,
    numbered_pages,
    reversed_sort,
    search_pages,
)
from playlist_api.movies.queries import as_movies
from playlist_api.movies.schemas import movie_schema
from playlist_api.ops.bulkheads import Bulkhead, client_keys
from playlist_api.ops.logs import record_event
from playlist_api.posters.service import has_picture, keep_picture

KEY_LIFETIME = timedelta(days=1)
"""How long an idempotency key is kept."""

FIRST_FIELDS = {"title": None, "year": None, "image_url": None}
"""The hash of a request covers these fields even when they are null. Do not add new fields: a hash
that was stored before an upgrade must still match the same request after it."""

CURSOR_PARAMETERS = {"search", "year", "sort", "cursor"}
"""Requests with any of these get cursors in `meta`; others get the `meta` of the first release."""

DEEP_OFFSET = 10_000
"""From this offset on, a page counts as a search, because PostgreSQL reads all skipped movies."""

searches = Bulkhead(
    "searches",
    4,  # half of the connections, so that short statements find one
    concurrency_per_key=2,
    queue=8,
    timeout=3,  # as long as a search may take
    busy="Too many people are searching. Please try again in a moment.",
)

MovieJson = dict[str, Any]
MovieCheck = Callable[[MovieJson], None]
"""Raises an error to prevent a change of the movie."""


def read_movie(identity: Identity, movie_id: int) -> MovieJson:
    """Return a movie on the caller's own list or, for an admin, on anybody's."""
    rows = queries.one_movie(movie_id=min(movie_id, MAX_ID), **identity._asdict())
    if not rows:
        raise SessionEnded
    *_, user_id, role = rows[0]
    (movie,) = as_movies(rows)
    if movie["id"] is None:
        raise NotFound("There is no such movie.")
    if movie["ownerId"] != user_id and role != ADMIN:
        record_event("denied", userId=user_id, movieId=movie_id)
        raise Forbidden("This movie is on somebody else's list.")
    return movie


def create_movie(
    identity: Identity, fields: Mapping[str, Any], key: str | None = None
) -> MovieJson:
    """Add a movie to the caller's list; with an idempotency key, at most once a day.

    A repeated call gets the movie as it was when it was added. A picture among the fields is
    stored, and the movie has its URL.

    :raises Conflict: when the list is full, or the key was used for a movie with other fields.
    :raises ListBusy: while the list is being imported.
    :raises ValidationError, ServiceUnavailable: when the picture cannot be stored.
    """
    if has_picture(fields):
        fields = keep_picture(fields, active_user, SessionEnded(), **identity._asdict())
    most = movies_per_user()
    parameters = {**fields, **identity._asdict(), "movies_per_user": str(most)}
    try:
        if key:
            movies = _add_once(identity, key, fields, parameters)
        else:
            movies = as_movies(queries.new_movie(**parameters))
    except IntegrityError as error:
        if violates(error, "MovieCount_movies_check"):
            raise Conflict(f"Your list is full: it may hold {most:,} movies.") from error
        if not violates(error, "Movie_ownerId_fkey"):
            raise
        movies = []
    if movies:
        return movies[0]
    raise ListBusy if session_is_active(identity) else SessionEnded


def _add_once(
    identity: Identity, key: str, fields: Mapping[str, Any], parameters: dict[str, Any]
) -> list[MovieJson]:
    # https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
    key_hash, fields_hash = _hash(f"{identity.user_id} {key}"), hash_of_fields(fields)
    added = queries.new_movie_with_key(
        key_hash=key_hash, fields_hash=fields_hash, lifetime=KEY_LIFETIME, **parameters
    )
    if added:
        return as_movies(added)
    earlier = queries.movie_of_key(key_hash=key_hash, **identity._asdict())
    if not earlier:
        return []
    movie_id, created_at, first_hash = earlier[0]
    if first_hash != fields_hash:
        raise Conflict("This Idempotency-Key was used for another movie.")
    # The movie as it was added, made of the same fields.
    times = {"created_at": created_at, "updated_at": created_at}
    movie = {**fields, "id": movie_id, "owner_id": identity.user_id, **times}
    return [{name: movie[attribute] for name, attribute in movie_schema.names.items()}]


def hash_of_fields(fields: Mapping[str, Any]) -> str:
    """Hash what a movie was added with; null counts as left out."""
    given = {name: value for name, value in fields.items() if value is not None}
    return _hash(json.dumps(FIRST_FIELDS | given, sort_keys=True))


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def update_movie(
    identity: Identity, movie_id: int, changes: Mapping[str, Any], check: MovieCheck
) -> MovieJson:
    """Set the given fields of a movie, if the check passes.

    A picture among them is stored for the movie's owner, and the movie has its URL.

    :raises ListBusy: while the list is being imported.
    :raises ValidationError, ServiceUnavailable: when the picture cannot be stored.
    """
    movie = read_movie(identity, movie_id)
    if has_picture(changes):
        # Storing takes a while, so it comes before the movie is locked.
        check(movie)
        owner = select(User).where(User.id == movie["ownerId"])
        changes = keep_picture(changes, owner, NotFound("There is no such movie."))
    movie = _lock_movie(movie_id)
    check(movie)
    names = {attribute: name for name, attribute in movie_schema.names.items()}
    changed = {name: value for name, value in changes.items() if value != movie[names[name]]}
    if changed:
        setting = update(Movie).where(Movie.id == movie_id).values(changed)
        (movie,) = as_movies(db.session.execute(setting.returning(*queries.movie_columns)))
    db.session.commit()
    return movie


def remove_movie(identity: Identity, movie_id: int, check: MovieCheck) -> None:
    """Delete a movie, if the check passes.

    :raises ListBusy: while the list is being imported.
    """
    read_movie(identity, movie_id)
    check(_lock_movie(movie_id))
    db.session.execute(delete(Movie).where(Movie.id == movie_id))
    db.session.commit()


def _lock_movie(movie_id: int) -> MovieJson:
    # Only after the caller has been authorized: nobody can hold up another user's changes.
    row = db.session.execute(queries.locked_movie, {"movie_id": movie_id}).one_or_none()
    if row is None:
        raise NotFound("There is no such movie.")
    if not row[-1]:
        raise ListBusy
    return as_movies([row])[0]


def read_page(
    identity: Identity, wanted: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, str | None]]:
    """Return one page of the caller's list, and the cursors of the pages beside it.

    A page past the end is empty. A page at a cursor has no number.

    :raises TooManyRequests, ServiceUnavailable: when too many searches are under way.
    """
    cursor, limit = wanted.get("cursor"), wanted["limit"]
    if cursor:
        number, sort, backwards = None, cursor.sort, cursor.before
        # Read one more movie than the limit, to see whether there is a next page.
        part = {"limit": limit + 1, "key": cursor.key, "id": cursor.id}
    else:
        number, sort, backwards = wanted["page"], wanted.get("sort", NEWEST_FIRST), False
        part = {"limit": limit, "offset": min((number - 1) * limit, MAX_ID)}
    rows = _read_page(identity, wanted, reversed_sort(sort) if backwards else sort, part)
    *_, total, any_before = rows[0]
    movies = as_movies(rows) if rows[0][0] is not None else []
    any_after = len(movies) > limit if cursor else total > part["offset"] + len(movies)
    movies = movies[:limit]
    if backwards:
        movies.reverse()
        any_before, any_after = any_after, any_before
    cursors = {"next": _cursor(sort, movies, cursor, before=False) if any_after else None}
    meta = {"page": number, "limit": limit, "total": total, "totalPages": -(-total // limit)}
    if wanted.keys() & CURSOR_PARAMETERS:
        cursors["previous"] = _cursor(sort, movies, cursor, before=True) if any_before else None
        meta |= cursors
    return {"items": movies, "meta": meta}, cursors


def _read_page(
    identity: Identity, wanted: Mapping[str, Any], sort: str, part: dict[str, Any]
) -> Sequence[tuple[Any, ...]]:
    search, years = wanted.get("search", "").strip(SPACES), wanted.get("year", "")
    if search or years:
        first, _, last = years.partition("..")
        terms = {"search": search or None, "first": first or None, "last": last or first or None}
        pages, part = search_pages, {"offset": 0, "key": None, "id": None, **terms, **part}
    else:
        pages = numbered_pages if "offset" in part else keyset_pages
    is_long = pages is search_pages or part.get("offset", 0) >= DEEP_OFFSET
    with searches.slot(*client_keys()) if is_long else nullcontext():
        rows = pages[sort](**part, **identity._asdict())
    if not rows:
        raise SessionEnded
    return rows


def _cursor(
    sort: str, movies: list[MovieJson], cursor: Cursor | None, *, before: bool
) -> str | None:
    if movies:
        movie = movies[0 if before else -1]
        key = movie[sort.removeprefix("-")] or ""
        key = key.replace(tzinfo=UTC) if isinstance(key, datetime) else key
        return encode_cursor(Cursor(sort, key, movie["id"], before))
    if cursor is None:
        return None
    # The page is empty: reverse the direction, and start just past the cursor's own movie, so that
    # the next page includes it.
    beyond = cursor.id + (-1 if sort.startswith("-") != cursor.before else 1)
    turned = max(-MAX_ID, min(beyond, MAX_ID))
    return encode_cursor(cursor._replace(id=turned, before=not cursor.before))
