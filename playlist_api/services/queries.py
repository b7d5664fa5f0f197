"""The statements of the calls that are made most: each is made once, and is one round trip.

The check that the caller's session is alive is a part of each, so that it costs nothing more; when
it is not, there is no row.
"""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    DateTime,
    Interval,
    Select,
    SQLColumnExpression,
    String,
    Text,
    Uuid,
    and_,
    bindparam,
    delete,
    func,
    literal_column,
    select,
    true,
    tuple_,
)
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects.postgresql import insert

from playlist_api.models import IdempotencyKey, Movie, Session, StoredPicture, User
from playlist_api.schemas.answers import (
    idempotency_key_answer,
    movie_answer,
    picture_answer,
    user_answer,
)
from playlist_api.security.callers import live_user
from playlist_api.statements import Change, Query, columns_of

caller = live_user.with_only_columns(User.id, User.role).cte("caller")

account = Query("account", live_user.with_only_columns(*columns_of(User, user_answer.names)))

credentials = Query(
    "credentials",
    select(*columns_of(User, ["id", "password"])).where(User.email == bindparam("email")),
)


def as_account(row: Iterable[Any]) -> dict[str, Any]:
    """Name the columns of a row that is an account, as its owner may see it."""
    return dict(zip(user_answer.names, row, strict=True))


def as_movie(row: Iterable[Any]) -> dict[str, Any]:
    """Name the columns of a row that is a movie."""
    return dict(zip(movie_answer.names, row, strict=True))


def _with_session(owner: CTE) -> Select[Any]:
    session = {
        Session.id: bindparam("session_id", type_=Uuid),
        Session.user_id: owner.c.id,
        Session.refresh_token_hash: bindparam("refresh_token_hash", type_=String),
        Session.rotated_at: bindparam("rotated_at", type_=DateTime(timezone=True)),
        Session.expires_at: bindparam("expires_at", type_=DateTime(timezone=True)),
        Session.user_agent: bindparam("user_agent", type_=String),
    }
    adding = insert(Session).from_select(list(session), select(*session.values()))
    return select(*columns_of(owner, user_answer.names)).add_cte(adding.cte("added"))


_new_user: dict[Any, Any] = {
    User.id: bindparam("user_id"),
    User.name: bindparam("name"),
    User.email: bindparam("email"),
    User.password_hash: bindparam("password_hash"),
}
# Whether the address is free, only its unique index can tell when several ask at once.
_added = insert(User).values(_new_user).on_conflict_do_nothing(index_elements=[User.email])
_unchanged = select(User).where(
    User.id == bindparam("user_id"), User.password_hash == bindparam("password_hash")
)

new_account = Change("new_account", _with_session(_added.returning(User).cte("owner")))
"""Adds a user and a session, and returns the user; no row if the e-mail has an account."""

# The lock lets a change of the password end this session too, or this one wait for it; it is of
# the kind that who adds movies is not held up by, nor holds up.
new_session = Change(
    "new_session", _with_session(_unchanged.with_for_update(key_share=True).cte("owner"))
)
"""Adds a session, and returns its user; no row if the user is gone or their password another."""

_live = select(Session.id).where(
    Session.user_id == bindparam("user_id"), Session.expires_at > func.now()
)
_oldest_last = _live.order_by(Session.created_at.desc(), Session.id)

surplus_sessions = Query(
    "surplus_sessions",
    delete(Session)
    .where(Session.id.in_(_oldest_last.offset(bindparam("kept"))))
    .returning(Session.id),
)
"""Ends the oldest of a user's sessions, but for so many that are kept."""

one_movie = Query(
    "one_movie",
    select(*columns_of(caller, ["id", "role"]), *columns_of(Movie, movie_answer.names)).select_from(
        caller.outerjoin(Movie, Movie.id == bindparam("movie_id"))
    ),
)
"""The caller's id and role, and the movie, whosever it is; nulls if there is none."""


next_oldest = Query(
    "next_oldest",
    select(*columns_of(Movie, movie_answer.names))
    .where(
        Movie.owner_id == bindparam("user_id", type_=Uuid),
        tuple_(Movie.created_at, Movie.id)
        > tuple_(
            bindparam("created_at", type_=DateTime(timezone=True)),
            bindparam("id", type_=BigInteger),
        ),
    )
    .order_by(Movie.created_at, Movie.id)
    .limit(bindparam("limit")),
)
"""Somebody's movies from a place in their list on, the oldest first."""

next_idempotency_keys = Query(
    "next_idempotency_keys",
    select(*columns_of(IdempotencyKey, idempotency_key_answer.names))
    .where(
        IdempotencyKey.user_id == bindparam("user_id", type_=Uuid),
        # Each key has a movie of its own.
        IdempotencyKey.movie_id > bindparam("movie_id", type_=BigInteger),
    )
    .order_by(IdempotencyKey.movie_id)
    .limit(bindparam("limit")),
)
"""Somebody's idempotency keys behind that of a movie, the oldest first."""

next_pictures = Query(
    "next_pictures",
    select(*columns_of(StoredPicture, picture_answer.names))
    .where(
        StoredPicture.owner_id == bindparam("user_id", type_=Uuid),
        StoredPicture.name > bindparam("name", type_=String),
    )
    .order_by(StoredPicture.name)
    .limit(bindparam("limit")),
)
"""Somebody's pictures behind one of them, by name."""


def can_change(owner_id: SQLColumnExpression[UUID]) -> ColumnElement[bool]:
    """Ask whether nobody is importing somebody's list, and keep it so until the transaction ends.

    Those who change the list share its lock, which an import has for itself. Nobody waits for it:
    an import may take half a minute.
    """
    return func.pg_try_advisory_xact_lock_shared(lock_of(sql_cast(owner_id, Text)))


def lock_of(owner_id: ColumnElement[str]) -> ColumnElement[int]:
    """Return the number of the lock of somebody's list."""
    return func.hashtextextended(owner_id, literal_column("0"))


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
    .returning(*columns_of(Movie, movie_answer.names)),
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
    .returning(*columns_of(Movie, movie_answer.names)),
)
"""Adds a movie if it can claim the key for it: no row if it cannot."""

movie_of_key = Query(
    "movie_of_key",
    select(*columns_of(IdempotencyKey, ["fields", "movieId", "createdAt"]))
    .join(caller, caller.c.id == IdempotencyKey.user_id)
    .where(IdempotencyKey.key_hash == bindparam("key_hash")),
)
