"""The statements of accounts and sessions."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import CTE, DateTime, Select, String, Uuid, bindparam, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import aliased

from playlist_api.api.identity import active_user, not_expired
from playlist_api.auth.schemas import user_schema
from playlist_api.db.models import Session, User
from playlist_api.db.statements import Change, Query, columns_of


def as_user(row: Iterable[Any]) -> dict[str, Any]:
    """Return the JSON of a user, from a row of the columns in `user_schema`."""
    return dict(zip(user_schema.names, row, strict=True))


account = Query("account", active_user.with_only_columns(*columns_of(User, user_schema.names)))
"""The user of an active session."""

credentials = Query(
    "credentials",
    select(*columns_of(User, {"id": "id", "password": "password_hash"})).where(
        User.email == bindparam("email")
    ),
)

locked_user = select(User).with_for_update(key_share=True).execution_options(populate_existing=True)
"""A user, locked until the transaction ends. The lock neither waits for inserts of rows that refer
to the user nor blocks them: an import may take half a minute."""

locked_session: Select[*tuple[Any, ...]] = active_user.with_only_columns(
    Session,
    # The database's time, because the instance that refreshed last may have another clock.
    func.clock_timestamp(),
    *columns_of(User, user_schema.names),
).with_for_update(of=Session)
"""An active session, locked until the transaction ends, the time, and the session's user."""


def _with_new_session(owner: CTE) -> Select[Any]:
    session = {
        Session.id: bindparam("session_id", type_=Uuid),
        Session.user_id: owner.c.id,
        Session.refresh_token_hash: bindparam("refresh_token_hash", type_=String),
        Session.rotated_at: bindparam("rotated_at", type_=DateTime(timezone=True)),
        Session.expires_at: bindparam("expires_at", type_=DateTime(timezone=True)),
        Session.user_agent: bindparam("user_agent", type_=String),
    }
    new_session = insert(Session).from_select(list(session), select(*session.values()))
    return select(*columns_of(aliased(User, owner), user_schema.names)).add_cte(
        new_session.cte("new_session")
    )


_new_user: dict[Any, Any] = {
    User.id: bindparam("user_id"),
    User.name: bindparam("name"),
    User.email: bindparam("email"),
    User.password_hash: bindparam("password_hash"),
}
# Only the unique index can tell whether the e-mail is free when several sign up at once.
_inserted_user = insert(User).values(_new_user).on_conflict_do_nothing(index_elements=[User.email])

new_account = Change("new_account", _with_new_session(_inserted_user.returning(User).cte("owner")))
"""Adds a user and a session, and returns the user; no row if the e-mail has an account."""

_unchanged_user = locked_user.where(
    User.id == bindparam("user_id"), User.password_hash == bindparam("password_hash")
)

new_session = Change("new_session", _with_new_session(_unchanged_user.cte("owner")))
"""Adds a session and returns its user; no row if the user or their password has changed.

The lock makes a change of the password wait for the session, or the session for the change, so that
the session of an old password always ends."""

_active_sessions = (
    select(Session)
    .where(Session.user_id == bindparam("user_id"), not_expired)
    .order_by(Session.created_at.desc(), Session.id)
)

listed_sessions = _active_sessions.with_only_columns(
    Session.id,
    Session.created_at,
    Session.rotated_at.label("last_used_at"),
    Session.expires_at,
    Session.user_agent,
    (Session.id == bindparam("current_id")).label("current"),
)
"""A user's active sessions, newest first."""

_surplus = _active_sessions.with_only_columns(Session.id).offset(bindparam("kept"))

surplus_sessions = Query(
    "surplus_sessions", delete(Session).where(Session.id.in_(_surplus)).returning(Session.id)
)
"""Ends all of a user's active sessions except the newest, of which it keeps so many."""
