"""A user's list of movies."""

from collections.abc import Callable, Mapping
from typing import Any, cast

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from playlist_api.api.identity import Identity, session_is_active
from playlist_api.db.engine import db, movies_per_user, violates
from playlist_api.db.locks import can_change
from playlist_api.db.models import ADMIN, MAX_ID, Movie, User
from playlist_api.errors import Conflict, Forbidden, ListBusy, NotFound, SessionEnded
from playlist_api.movies.idempotency import add_first
from playlist_api.movies.queries import as_movie, new_movie, one_movie
from playlist_api.ops import events
from playlist_api.posters.images import Picture
from playlist_api.posters.service import kept_for_caller, kept_for_owner

Check = Callable[[Movie], None]
"""Looks at a movie that is about to be changed, and raises to prevent it."""


def read_movie(identity: Identity, movie_id: int) -> dict[str, Any]:
    """Return a movie that is the caller's to use: their own or, for an admin, anybody's.

    :raises Unauthorized: when the caller's session has ended.
    :raises NotFound: when there is no such movie.
    :raises Forbidden: when it is somebody else's.
    """
    for user_id, role, *row in one_movie(movie_id=min(movie_id, MAX_ID), **identity._asdict()):
        movie = as_movie(row)
        _check_access(movie_id, movie["ownerId"], user_id, role)
        return movie
    raise SessionEnded


def _check_access(movie_id: int, owner_id: Any, user_id: Any, role: str) -> None:
    if owner_id is None:
        raise NotFound("There is no such movie.")
    if owner_id != user_id and role != ADMIN:
        events.record("denied", userId=user_id, movieId=movie_id)
        raise Forbidden("This movie is on somebody else's list.")


def add_movie(
    identity: Identity, fields: Mapping[str, Any], key: str | None = None
) -> dict[str, Any]:
    """Put a movie on the caller's list; with an idempotency key, at most once.

    Whoever repeats the call with the key gets the movie as it was when it was added. A picture
    among the fields is kept, and the movie has its URL.

    :raises Conflict: when the list is full, or the key was used for a movie with other fields.
    :raises ListBusy: while the list is imported.
    :raises Unauthorized: when the caller's session has ended.
    :raises ValidationError: when the caller's pictures would take too much room.
    :raises ServiceUnavailable: when pictures cannot be kept at the moment.
    """
    fields, most = kept_for_caller(fields, identity), movies_per_user()
    try:
        if key is not None:
            added = add_first(identity, fields, key, most)
        else:
            rows = new_movie(movies_per_user=str(most), **fields, **identity._asdict())
            added = as_movie(rows[0]) if rows else None
        if added is not None:
            return added
    except IntegrityError as error:
        if violates(error, "MovieCount_movies_check"):
            raise Conflict(f"Your list is full: it may hold {most:,} movies.") from error
        if not violates(error, "Movie_ownerId_fkey"):
            raise
    raise ListBusy if session_is_active(identity) else SessionEnded


def find_movie(user: User, movie_id: int) -> Movie:
    """Find a movie that the user may change, and lock it until the transaction ends.

    :raises NotFound, Forbidden: as `read_movie` does.
    :raises ListBusy: while its list is imported.
    """
    _movie(user, movie_id)
    # Locked only now, so that nobody holds up what is not theirs.
    found = select(Movie, can_change(Movie.owner_id)).where(Movie.id == movie_id)
    locked = found.with_for_update().execution_options(populate_existing=True)
    movie, free = db.session.execute(locked).one_or_none() or (None, True)
    if not free:
        raise ListBusy
    return _checked(user, movie_id, movie)


def _movie(user: User, movie_id: int) -> Movie:
    movie = db.session.get(Movie, movie_id) if movie_id <= MAX_ID else None
    return _checked(user, movie_id, movie)


def _checked(user: User, movie_id: int, movie: Movie | None) -> Movie:
    _check_access(movie_id, movie and movie.owner_id, user.id, user.role)
    return cast(Movie, movie)


def change_movie(user: User, movie_id: int, changes: Mapping[str, Any], check: Check) -> Movie:
    """Set the given fields of a movie, if the check lets it pass, and keep the others.

    A picture among them is kept for the movie's owner, and the movie gets its URL.

    :raises NotFound, Forbidden: as `read_movie` does.
    :raises ValidationError, ServiceUnavailable: as `add_movie` does.
    """
    if isinstance(changes.get("image_url"), Picture):
        # Before the movie is locked, for keeping one takes a while.
        movie = _movie(user, movie_id)
        check(movie)
        changes = kept_for_owner(changes, movie.owner_id)
    movie = find_movie(user, movie_id)
    check(movie)
    for name, value in changes.items():
        setattr(movie, name, value)
    db.session.commit()
    return movie


def delete_movie(user: User, movie_id: int, check: Check) -> None:
    """Take a movie off its list, if the check lets it pass.

    :raises NotFound, Forbidden: as `read_movie` does.
    """
    movie = find_movie(user, movie_id)
    check(movie)
    db.session.delete(movie)
    db.session.commit()
