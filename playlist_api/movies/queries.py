"""Statements for single movies: one round trip each.

Each of a caller's statements checks the session too, and returns no row when it has ended.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import (
    Interval,
    String,
    Text,
    and_,
    bindparam,
    cast,
    func,
    literal_column,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import insert

from playlist_api.api.identity import active_user
from playlist_api.db.models import IdempotencyKey, Movie, User
from playlist_api.db.statements import Change, Query, can_change, columns_of
from playlist_api.movies.schemas import MOVIE_FIELDS, movie_schema

caller = active_user.with_only_columns(User.id, User.role).cte("caller")

movie_columns = columns_of(Movie, movie_schema.names)
_names = tuple(movie_schema.names)


def as_movies(rows: Iterable[Sequence[Any]]) -> list[dict[str, Any]]:
    """Turn rows into JSON objects; columns after the movie's own are left out."""
    return [dict(zip(_names, row, strict=False)) for row in rows]


one_movie = Query(
    "one_movie",
    select(*movie_columns, cast(caller.c.id, Text), caller.c.role).select_from(
        caller.outerjoin(Movie, Movie.id == bindparam("movie_id"))
    ),
)
"""The movie, on anybody's list, and the caller's id and role; the movie is nulls if not found."""

locked_movie = (
    select(*movie_columns, can_change(Movie.owner_id))
    .where(Movie.id == bindparam("movie_id"))
    .with_for_update()
)
"""The movie, locked until the transaction ends, and whether its list is not being imported."""

_written = [getattr(Movie, name) for name in MOVIE_FIELDS]
_values = [bindparam(column.key, type_=column.type) for column in _written]
# A trigger checks the list's new length against this setting (migration 0009).
_list_limit = func.set_config(
    literal_column("'playlist_api.movies_per_user'"),
    bindparam("movies_per_user", type_=String),
    true(),
)
_may_add = and_(can_change(caller.c.id), _list_limit.is_not(None))

new_movie = Change(
    "new_movie",
    insert(Movie)
    .from_select([*_written, Movie.owner_id], select(*_values, caller.c.id).where(_may_add))
    .returning(*movie_columns),
)
"""Add a movie. Fails if the list is full; returns no row while it is being imported."""

_next_id = func.nextval(func.pg_get_serial_sequence('"Movie"', "id"))
_new = select(_next_id.label("id"), caller.c.id.label("owner_id")).where(_may_add).cte("new")
_claim = insert(IdempotencyKey).from_select(
    ["key", "userId", "fields", "movieId", "createdAt", "expiresAt"],
    select(
        bindparam("key_hash", type_=String),
        _new.c.owner_id,
        bindparam("fields_hash", type_=String),
        _new.c.id,
        func.now(),
        func.now() + bindparam("lifetime", type_=Interval),
    ),
)
# When requests race, the first claims the key and the others wait here until it has committed.
_claimed = (
    _claim.on_conflict_do_update(
        index_elements=[IdempotencyKey.key_hash],
        set_=dict(_claim.excluded),
        where=IdempotencyKey.expires_at <= func.now(),
    )
    .returning(IdempotencyKey.movie_id)
    .cte("claimed")
)
new_movie_with_key = Change(
    "new_movie_with_key",
    insert(Movie)
    .from_select(
        [Movie.id, *_written, Movie.owner_id],
        select(_claimed.c.movie_id, *_values, _new.c.owner_id).join_from(_claimed, _new, true()),
    )
    .returning(*movie_columns),
)
"""Add a movie and claim its idempotency key. Returns no row if the key is taken."""

movie_of_key = Query(
    "movie_of_key",
    select(
        *columns_of(IdempotencyKey, {"movieId": "movie_id", "createdAt": "created_at"}),
        IdempotencyKey.fields_hash,
    )
    .join(caller, caller.c.id == IdempotencyKey.user_id)
    .where(IdempotencyKey.key_hash == bindparam("key_hash")),
)
"""The movie that a key has added, and the hash of its fields."""
