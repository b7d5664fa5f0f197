"""The statements of the calls that are made most: each is made once, and is one round trip.

The check that the caller's session is alive is a part of each, so that it costs nothing more; when
it is not, there is no row.
"""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import (
    Interval,
    String,
    and_,
    bindparam,
    func,
    literal_column,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import insert

from playlist_api.api.identity import active_user
from playlist_api.db.locks import can_change
from playlist_api.db.models import IdempotencyKey, Movie, User
from playlist_api.db.statements import Change, Query, columns_of
from playlist_api.movies.schemas import movie_schema

caller = active_user.with_only_columns(User.id, User.role).cte("caller")


def as_movie(row: Iterable[Any]) -> dict[str, Any]:
    """Name the columns of a row that is a movie."""
    return dict(zip(movie_schema.names, row, strict=True))


one_movie = Query(
    "one_movie",
    select(*columns_of(caller, ["id", "role"]), *columns_of(Movie, movie_schema.names)).select_from(
        caller.outerjoin(Movie, Movie.id == bindparam("movie_id"))
    ),
)
"""The caller's id and role, and the movie, whosever it is; nulls if there is none."""


_fields = (
    bindparam("title", type_=String),
    bindparam("year", type_=String),
    bindparam("image_url", type_=String),
)
_FIELDS = ["title", "year", "imageUrl", "ownerId"]
# A trigger holds the list's new length against it (see migration 0009).
_limit = func.set_config(
    literal_column("'playlist_api.movies_per_user'"),
    bindparam("movies_per_user", type_=String),
    true(),
)
_may_add = and_(can_change(caller.c.id), _limit.is_not(None))

new_movie = Change(
    "new_movie",
    insert(Movie)
    .from_select(_FIELDS, select(*_fields, caller.c.id).where(_may_add))
    .returning(*columns_of(Movie, movie_schema.names)),
)
"""Adds a movie; an error if the list is full, and no row while it is imported."""

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
# Of those who race, the first claims the key, and the others wait here until it has.
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
        ["id", *_FIELDS],
        select(_claimed.c.movie_id, *_fields, _new.c.owner_id).select_from(
            _claimed.join(_new, true())
        ),
    )
    .returning(*columns_of(Movie, movie_schema.names)),
)
"""Adds a movie if it can claim the key for it: no row if it cannot."""

movie_of_key = Query(
    "movie_of_key",
    select(*columns_of(IdempotencyKey, ["fields", "movieId", "createdAt"]))
    .join(caller, caller.c.id == IdempotencyKey.user_id)
    .where(IdempotencyKey.key_hash == bindparam("key_hash")),
)
