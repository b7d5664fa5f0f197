"""Sessions: one for each sign-in on each device, alive until ended, expired or misused."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import delete

from playlist_api.database import db
from playlist_api.errors import Unauthorized
from playlist_api.models import Session, User
from playlist_api.security import tokens

log = logging.getLogger(__name__)

SESSION_ENDED = "Your session has ended. Please sign in again."

GRACE = timedelta(seconds=10)
"""How long a refresh token still serves after it was replaced, so that several tabs which
refresh at once all go on. RFC 9700, section 4.14.2, leaves this to the service."""


@dataclass(frozen=True)
class SignedIn:
    """What a client holds after it signed in or refreshed."""

    user: User
    access_token: str
    refresh_token: str


def start_session(user: User) -> SignedIn:
    """Add a session for the user to the running transaction, and make its first tokens."""
    session = Session(id=uuid4(), user_id=user.id)
    _rotate(session, datetime.now(UTC))
    db.session.add(session)
    return _signed_in(user, session)


def refresh(user: User, session_id: UUID, presented: str) -> SignedIn:
    """Exchange a genuine refresh token of one of the user's sessions for new tokens.

    The current token is replaced. The one replaced last still gets, within `GRACE`, what it was
    replaced with. Any other is an older one, so that it or its successor was stolen: the session
    ends (RFC 9700, section 4.14.2).

    :raises Unauthorized: when the session has ended, by this call or before it.
    """
    # The lock makes racing calls take turns, so that only the first of them rotates.
    session = db.session.get(Session, session_id, with_for_update=True, populate_existing=True)
    if session is None:
        raise Unauthorized(SESSION_ENDED)
    now = datetime.now(UTC)
    presented_hash = tokens.token_hash(presented)
    if presented_hash == session.refresh_token_hash:
        _rotate(session, now)
    elif presented_hash != session.replaced_token_hash or now > session.rotated_at + GRACE:
        db.session.delete(session)
        db.session.commit()
        log.warning("A replaced refresh token came back: session %s ended.", session_id)
        raise Unauthorized(SESSION_ENDED)
    db.session.commit()
    return _signed_in(user, session)


def end_sessions(session_ids: Iterable[UUID]) -> None:
    """End these sessions; those that have ended already are no matter."""
    if ids := list(session_ids):
        db.session.execute(delete(Session).where(Session.id.in_(ids)))
        db.session.commit()


def _rotate(session: Session, now: datetime) -> None:
    session.replaced_token_hash = session.refresh_token_hash
    session.rotated_at = now
    session.expires_at = now + tokens.REFRESH_TOKEN_LIFETIME
    session.refresh_token_hash = tokens.token_hash(tokens.refresh_token(session))


def _signed_in(user: User, session: Session) -> SignedIn:
    return SignedIn(user, tokens.access_token(session), tokens.refresh_token(session))
