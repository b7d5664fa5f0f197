"""Sign-up, login, and sessions: one for each login on each device, active until it ends."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, Row, delete, update

from playlist_api.api.identity import Identity
from playlist_api.auth import tokens
from playlist_api.auth.limits import limit_failed_logins
from playlist_api.auth.passwords import hash_password, verify_password
from playlist_api.auth.queries import (
    as_user,
    credentials,
    listed_sessions,
    locked_session,
    new_account,
    new_session,
    surplus_sessions,
)
from playlist_api.db.engine import db
from playlist_api.db.models import Session, User
from playlist_api.db.statements import Query
from playlist_api.errors import EmailTaken, NotFound, SessionEnded, Unauthorized
from playlist_api.ops.logs import record_event

MAX_SESSIONS = 20
"""Active sessions of one user. A login beyond that ends the oldest."""

REUSE_GRACE = timedelta(seconds=10)
"""How long a replaced refresh token still works, so that several tabs can refresh at once.
RFC 9700, section 4.14.2, leaves this to the service."""


class SignedIn(NamedTuple):
    """What a client gets when it signs in or refreshes."""

    user: dict[str, Any]
    access_token: str
    refresh_token: str


def sign_up(name: str, email: str, password: str, user_agent: str) -> SignedIn:
    """Create an account and its first session.

    :raises EmailTaken: when the e-mail has an account.
    """
    user_id, password_hash = str(uuid4()), hash_password(password)
    user = {"user_id": user_id, "name": name, "email": email, "password_hash": password_hash}
    signed_in = _start_session(new_account, user_agent, **user)
    if signed_in is None:
        raise EmailTaken
    record_event("signed_up", userId=user_id)
    return signed_in


def log_in(email: str, password: str, user_agent: str) -> SignedIn:
    """Check a password and start a session.

    :raises Unauthorized: for a wrong e-mail or password; cost and message are the same.
    :raises TooManyRequests: after too many failed logins.
    """
    with limit_failed_logins(email):
        user_id, password_hash = next(iter(credentials(email=email)), (None, None))
        is_right, new_hash = verify_password(password, password_hash)
        # `new_session` compares the hash again: the password may have been changed meanwhile.
        user = {"user_id": user_id, "password_hash": password_hash}
        signed_in = _start_session(new_session, user_agent, **user) if is_right else None
        if signed_in is None:
            record_event("login_failed", userId=user_id)
            raise Unauthorized("Wrong e-mail or password.")
    # After the new session, so that racing logins count each other.
    surplus_sessions(user_id=user_id, kept=MAX_SESSIONS)
    if new_hash:
        unchanged = User.id == user_id, User.password_hash == password_hash
        renewed = {"password_hash": new_hash, "updated_at": User.updated_at}
        db.session.execute(update(User).where(*unchanged).values(renewed))
        db.session.commit()
    record_event("login_succeeded", userId=user_id)
    return signed_in


def refresh(identity: Identity, token: str, user_agent: str) -> SignedIn:
    """Exchange a genuine refresh token for new tokens.

    The current token is rotated. The token that was replaced last gets, for `REUSE_GRACE`, the
    current one. Any other token is older: it or its successor was stolen, and the session ends
    (RFC 9700, section 4.14.2).

    :raises Unauthorized: when the session has ended, by this call or before.
    """
    # The lock makes racing calls take turns, so that only the first of them rotates the token.
    row = db.session.execute(locked_session, identity._asdict()).one_or_none()
    if row is None:
        raise SessionEnded
    session, now, *user = row
    presented_hash = tokens.token_hash(token)
    if presented_hash == session.refresh_token_hash:
        session.user_agent = user_agent
        _rotate(session, now)
    elif presented_hash != session.replaced_token_hash or now > session.rotated_at + REUSE_GRACE:
        db.session.delete(session)
        db.session.commit()
        record_event("refresh_token_reused", userId=session.user_id, sessionId=session.id)
        raise SessionEnded
    db.session.commit()
    return SignedIn(as_user(user), tokens.access_token(session), tokens.refresh_token(session))


def list_sessions(user: User, current: UUID) -> Sequence[Row[*tuple[Any, ...]]]:
    """Return the user's active sessions, newest first; `current` is the id of the caller's."""
    return db.session.execute(listed_sessions, {"user_id": user.id, "current_id": current}).all()


def log_out(session_ids: Iterable[UUID]) -> None:
    """End these sessions; some of them may have ended before."""
    if ids := list(session_ids):
        for session in _end_sessions(Session.id.in_(ids)):
            record_event("logged_out", userId=session.user_id, sessionId=session.id)


def end_session(user: User, session_id: UUID) -> None:
    """End one of the user's sessions.

    :raises NotFound: when the user has no such session.
    """
    if not _end_sessions(Session.id == session_id, Session.user_id == user.id):
        raise NotFound("You have no such session.")
    record_event("session_ended", userId=user.id, sessionId=session_id)


def end_other_sessions(user: User, current: UUID) -> None:
    """End all of the user's sessions except the current one."""
    _end_sessions(Session.user_id == user.id, Session.id != current)
    record_event("other_sessions_ended", userId=user.id, sessionId=current)


def _end_sessions(*which: ColumnElement[bool]) -> Sequence[Session]:
    ended = db.session.scalars(delete(Session).where(*which).returning(Session)).all()
    db.session.commit()
    return ended


def _start_session(insert: Query, user_agent: str, **user: Any) -> SignedIn | None:
    session = Session(id=uuid4(), user_id=user["user_id"], user_agent=user_agent)
    refresh_token = _rotate(session, datetime.now(UTC))
    rows = insert(
        session_id=str(session.id),
        refresh_token_hash=session.refresh_token_hash,
        rotated_at=session.rotated_at,
        expires_at=session.expires_at,
        user_agent=user_agent,
        **user,
    )
    for row in rows:
        return SignedIn(as_user(row), tokens.access_token(session), refresh_token)
    return None


def _rotate(session: Session, now: datetime) -> str:
    session.replaced_token_hash = session.refresh_token_hash
    session.rotated_at = now
    session.expires_at = now + tokens.REFRESH_TOKEN_LIFETIME
    token = tokens.refresh_token(session)
    session.refresh_token_hash = tokens.token_hash(token)
    return token
