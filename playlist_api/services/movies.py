"""A user's list of movies."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.exc import IntegrityError

from playlist_api import events
from playlist_api.database import db, violates
from playlist_api.errors import Forbidden, NotFound, Unauthorized
from playlist_api.models import ADMIN, Movie, User
from playlist_api.services.idempotency import first_with_key
from playlist_api.services.sessions import SESSION_ENDED

LARGEST_ID = 2**63 - 1
"""PostgreSQL's largest bigint, beyond which a comparison would be an error."""

BATCH = 1000
"""Rows that an import sends at a time."""

Check = Callable[[Movie], None]
"""Looks at a movie that is about to be changed, and raises to prevent it."""


@dataclass(frozen=True)
class PageMeta:
    """Where in its list a page stands."""

    page: int
    limit: int
    total: int

    @property
    def total_pages(self) -> int:
        """How many pages the whole list fills; none if it is empty."""
        return -(-self.total // self.limit)


@dataclass(frozen=True)
class Page:
    """A part of somebody's list."""

    items: list[Movie]
    meta: PageMeta


def find_movie(user: User, movie_id: int, *, to_change: bool = False) -> Movie:
    """Find a movie that is the user's to use: their own or, for an admin, anybody's.

    One `to_change` is locked until the transaction ends.

    :raises NotFound: when there is no such movie.
    :raises Forbidden: when it is somebody else's.
    """
    movie = _movie(movie_id)
    if movie.owner_id != user.id and user.role != ADMIN:
        events.record("denied", userId=user.id, movieId=movie_id)
        raise Forbidden("This movie is on somebody else's list.")
    # Locked only now, so that nobody holds up what is not theirs.
    return _movie(movie_id, for_update=True) if to_change else movie


def _movie(movie_id: int, *, for_update: bool = False) -> Movie:
    movie = None
    if movie_id <= LARGEST_ID:
        movie = db.session.get(
            Movie, movie_id, with_for_update=for_update or None, populate_existing=for_update
        )
    if movie is None:
        raise NotFound("There is no such movie.")
    return movie


def list_movies(user: User, page: int, limit: int) -> Page:
    """Return the page of the user's list, newest first; one past its end is empty."""
    own = Movie.owner_id == user.id
    total = db.session.scalar(select(func.count()).where(own)) or 0
    meta = PageMeta(page, limit, total)
    if page > meta.total_pages:
        return Page([], meta)
    newest_first = select(Movie).where(own).order_by(Movie.created_at.desc(), Movie.id.desc())
    items = db.session.scalars(newest_first.limit(limit).offset((page - 1) * limit))
    return Page(list(items), meta)


def add_movie(user: User, fields: Mapping[str, Any], key: str | None = None) -> Movie:
    """Put a movie on the user's list; with an idempotency key, at most once.

    Whoever repeats the call with the key gets the movie as it was when it was added.

    :raises Conflict: when the key was used for a movie with other fields.
    :raises Unauthorized: when the user was deleted a moment ago.
    """
    movie = Movie(owner_id=user.id, **fields)
    db.session.add(movie)
    try:
        if key is not None:
            movie = first_with_key(key, movie, fields)
        db.session.commit()
    except IntegrityError as error:
        if violates(error, "Movie_ownerId_fkey"):
            raise Unauthorized(SESSION_ENDED) from error
        raise
    return movie


def change_movie(user: User, movie_id: int, changes: Mapping[str, Any], check: Check) -> Movie:
    """Set the given fields of a movie, if the check lets it pass, and keep the others.

    :raises NotFound, Forbidden: as `find_movie` does.
    """
    movie = find_movie(user, movie_id, to_change=True)
    check(movie)
    for name, value in changes.items():
        setattr(movie, name, value)
    db.session.commit()
    return movie


def delete_movie(user: User, movie_id: int, check: Check) -> None:
    """Take a movie off its list, if the check lets it pass.

    :raises NotFound, Forbidden: as `find_movie` does.
    """
    movie = find_movie(user, movie_id, to_change=True)
    check(movie)
    db.session.delete(movie)
    db.session.commit()


def import_movies(user: User, rows: Iterable[Mapping[str, Any]]) -> int:
    """Put many movies on the user's list, all or none of them; return how many."""
    remaining, imported = iter(rows), 0
    while batch := [{"owner_id": user.id, **row} for row in islice(remaining, BATCH)]:
        db.session.execute(insert(Movie), batch)
        imported += len(batch)
    db.session.commit()
    return imported
