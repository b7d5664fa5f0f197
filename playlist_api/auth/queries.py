"""The statements of sign-up, login and sessions, each one round trip."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import (
    CTE,
    DateTime,
    Select,
    String,
    Uuid,
    bindparam,
    delete,
    func,
    select,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import aliased

from playlist_api.api.identity import active_user
from playlist_api.auth.schemas import user_schema
from playlist_api.db.models import Session, User
from playlist_api.db.statements import Change, Query, columns_of

account = Query("account", active_user.with_only_columns(*columns_of(User, user_schema.names)))


credentials = Query(
    "credentials",
    select(*columns_of(User, {"id": "id", "password": "password_hash"})).where(
        User.email == bindparam("email")
    ),
)


def as_account(row: Iterable[Any]) -> dict[str, Any]:
    """Name the columns of a row that is an account, as its owner may see it."""
    return dict(zip(user_schema.names, row, strict=True))


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
    return select(*columns_of(aliased(User, owner), user_schema.names)).add_cte(adding.cte("added"))


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
