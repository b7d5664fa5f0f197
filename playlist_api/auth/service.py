"""Signing up and logging in."""

from uuid import uuid4

from sqlalchemy import update

from playlist_api.auth.passwords import hasher
from playlist_api.auth.queries import credentials, new_account, new_session
from playlist_api.auth.sessions import SignedIn, end_surplus_sessions, start_session
from playlist_api.auth.sessions import list_sessions as list_sessions
from playlist_api.db.engine import db
from playlist_api.db.models import User
from playlist_api.errors import EmailTaken, SessionEnded, Unauthorized, WrongPassword
from playlist_api.ops import events

BESIDE_REFERENCES = {"key_share": True}
"""A lock of a user that does not keep others from adding what is theirs, nor waits for it: an
import takes its time."""


def sign_up(name: str, email: str, password: str, user_agent: str) -> SignedIn:
    """Make an account and its first session.

    :raises EmailTaken: when the e-mail has an account, be it made a moment ago.
    """
    account = {
        "user_id": str(uuid4()),
        "name": name,
        "email": email,
        "password_hash": hasher().hash(password),
    }
    signed_in = start_session(new_account, user_agent, **account)
    if signed_in is None:
        raise EmailTaken
    events.record("signed_up", userId=account["user_id"])
    return signed_in


def log_in(email: str, password: str, user_agent: str) -> SignedIn:
    """Start a session for whoever knows the password.

    :raises Unauthorized: for a wrong e-mail or password, at the same cost and in the same words.
    """
    user_id, known = next(iter(credentials(email=email)), (None, None))
    right, new_hash = hasher().verify(password, known)
    # Found anew, else a password that was changed meanwhile would open one last session.
    found = {"user_id": user_id, "password_hash": known}
    signed_in = start_session(new_session, user_agent, **found) if right else None
    if signed_in is None:
        events.record("login_failed", userId=user_id)
        raise Unauthorized("Wrong e-mail or password.")
    end_surplus_sessions(user_id)
    if new_hash:
        renewed = {"password_hash": new_hash, "updated_at": User.updated_at}
        unchanged = User.id == user_id, User.password_hash == known
        db.session.execute(update(User).where(*unchanged).values(renewed))
        db.session.commit()
    events.record("login_succeeded", userId=user_id)
    return signed_in


def confirmed(user: User, password: str) -> User:
    """Return the user, locked until the transaction ends, if the password is theirs.

    :raises WrongPassword: if it is not.
    :raises Unauthorized: when they were deleted a moment ago.
    """
    user_id, known = user.id, user.password_hash
    # Hashing takes long, and nobody else should lack a connection or wait for a lock meanwhile.
    db.session.rollback()
    right, _ = hasher().verify(password, known)
    found = db.session.get(User, user_id, with_for_update=BESIDE_REFERENCES, populate_existing=True)
    if found is None:
        raise SessionEnded
    # Else a password that was changed meanwhile would serve once more.
    if not right or found.password_hash != known:
        events.record("password_not_confirmed", userId=user_id)
        raise WrongPassword
    return found


def locked(user: User) -> User:
    """Return the user as they are now, locked until the transaction ends.

    :raises Unauthorized: when they were deleted a moment ago.
    """
    found = db.session.get(User, user.id, with_for_update=BESIDE_REFERENCES, populate_existing=True)
    if found is None:
        raise SessionEnded
    return found
