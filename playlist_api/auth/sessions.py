"""Sessions: one for each sign-in on each device, alive until ended, expired or misused."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, Select, delete, func, select
from sqlalchemy.sql.dml import ReturningDelete

from playlist_api.auth import tokens
from playlist_api.auth.queries import as_account, surplus_sessions
from playlist_api.auth.schemas import user_schema
from playlist_api.db.engine import db
from playlist_api.db.models import Session, User
from playlist_api.db.statements import Query
from playlist_api.errors import NotFound, SessionEnded
from playlist_api.ops import events

MAX_SESSIONS = 20
"""Live sessions of one user; more devices than anybody signs in on."""


GRACE = timedelta(seconds=10)
"""How long a refresh token still serves after it was replaced, so that several tabs which
refresh at once all go on. RFC 9700, section 4.14.2, leaves this to the service."""


@dataclass(frozen=True)
class SignedIn:
    """What a client holds after it signed in or refreshed: who they are, as they may see it."""

    user: dict[str, Any]
    access_token: str
    refresh_token: str


@dataclass(frozen=True)
class ListedSession:
    """A session, and whether it is the one that asks."""

    session: Session
    current: bool


@dataclass(frozen=True)
class SessionList:
    """All of somebody's sessions."""

    items: list[ListedSession]


def start_session(adding: Query, user_agent: str, **user: Any) -> SignedIn | None:
    """Add a session, by a query that takes these parameters of its user and returns them.

    :return: the session's first tokens; None if the query found that there can be no session.
    """
    session = Session(id=uuid4(), user_id=user["user_id"], user_agent=user_agent)
    refresh_token = _rotate(session, datetime.now(UTC))
    rows = adding(
        session_id=str(session.id),
        refresh_token_hash=session.refresh_token_hash,
        rotated_at=session.rotated_at,
        expires_at=session.expires_at,
        user_agent=user_agent,
        **user,
    )
    for row in rows:
        return SignedIn(as_account(row), tokens.access_token(session), refresh_token)
    return None


def end_surplus_sessions(user_id: UUID) -> None:
    """End the oldest of a user's sessions beyond `MAX_SESSIONS`.

    It comes after a new one, so that racing logins count each other.
    """
    surplus_sessions(user_id=user_id, kept=MAX_SESSIONS)


def list_sessions(user: User, current: UUID) -> SessionList:
    """Return the user's sessions that are alive, newest first."""
    sessions = db.session.scalars(_live(user))
    return SessionList([ListedSession(session, session.id == current) for session in sessions])


def refresh(user: User, session_id: UUID, presented: str, user_agent: str) -> SignedIn:
    """Exchange a genuine refresh token of one of the user's sessions for new tokens.

    The current token is replaced. The one replaced last still gets, within `GRACE`, what it was
    replaced with. Any other is an older one, so that it or its successor was stolen: the session
    ends (RFC 9700, section 4.14.2).

    :raises Unauthorized: when the session has ended, by this call or before it.
    """
    # The lock makes racing calls take turns, so that only the first of them rotates.
    row = db.session.execute(_locked(session_id)).one_or_none()
    if row is None:
        raise SessionEnded
    session, now = row
    presented_hash = tokens.token_hash(presented)
    if presented_hash == session.refresh_token_hash:
        session.user_agent = user_agent
        _rotate(session, now)
    elif presented_hash != session.replaced_token_hash or now > session.rotated_at + GRACE:
        db.session.delete(session)
        db.session.commit()
        events.record("refresh_token_reused", userId=user.id, sessionId=session_id)
        raise SessionEnded
    db.session.commit()
    access_token, refresh_token = tokens.access_token(session), tokens.refresh_token(session)
    return SignedIn(user_schema.dump(user), access_token, refresh_token)


def end_presented_sessions(session_ids: Iterable[UUID]) -> None:
    """End these sessions; those that have ended already are no matter."""
    if ids := list(session_ids):
        ended = db.session.scalars(_ending(Session.id.in_(ids))).all()
        db.session.commit()
        for session in ended:
            events.record("logged_out", userId=session.user_id, sessionId=session.id)


def end_session(user: User, session_id: UUID) -> None:
    """End one of the user's sessions.

    :raises NotFound: when the user has no such session, be it somebody else's.
    """
    ended = _ending(Session.id == session_id, Session.user_id == user.id)
    if db.session.scalar(ended) is None:
        raise NotFound("You have no such session.")
    db.session.commit()
    events.record("session_ended", userId=user.id, sessionId=session_id)


def end_other_sessions(user: User, kept: UUID) -> None:
    """End all of the user's sessions but one."""
    db.session.execute(_ending(Session.user_id == user.id, Session.id != kept))
    db.session.commit()
    events.record("other_sessions_ended", userId=user.id, sessionId=kept)


def _locked(session_id: UUID) -> Select[Session, datetime]:
    # The database's time, for the clock of the instance that refreshed last may be another.
    locked = select(Session, func.clock_timestamp()).where(Session.id == session_id)
    return locked.with_for_update().execution_options(populate_existing=True)


def _live(user: User) -> Select[Session]:
    live = select(Session).where(Session.user_id == user.id, Session.expires_at > func.now())
    return live.order_by(Session.created_at.desc(), Session.id)


def _ending(*which: ColumnElement[bool]) -> ReturningDelete[Session]:
    return delete(Session).where(*which).returning(Session)


def _rotate(session: Session, now: datetime) -> str:
    session.replaced_token_hash = session.refresh_token_hash
    session.rotated_at = now
    session.expires_at = now + tokens.REFRESH_TOKEN_LIFETIME
    token = tokens.refresh_token(session)
    session.refresh_token_hash = tokens.token_hash(token)
    return token
