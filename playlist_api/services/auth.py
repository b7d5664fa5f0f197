"""Signing up and logging in."""

from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from playlist_api import events
from playlist_api.database import db
from playlist_api.errors import Conflict, Unauthorized, WrongPassword
from playlist_api.models import User
from playlist_api.security.passwords import hasher
from playlist_api.services.sessions import SESSION_ENDED, SignedIn, start_session

EMAIL_TAKEN = "This e-mail already has an account."


def sign_up(name: str, email: str, password: str, user_agent: str) -> SignedIn:
    """Make an account and its first session.

    :raises Conflict: when the e-mail has an account, be it made a moment ago.
    """
    account = {"name": name, "email": email, "password_hash": hasher().hash(password)}
    # Whether the address is free, only its unique index can tell when several ask at once.
    adding = insert(User).on_conflict_do_nothing(index_elements=[User.email]).returning(User)
    user = db.session.scalar(adding, account)
    if user is None:
        raise Conflict(EMAIL_TAKEN)
    signed_in = start_session(user, user_agent)
    db.session.commit()
    events.record("signed_up", userId=user.id)
    return signed_in


def log_in(email: str, password: str, user_agent: str) -> SignedIn:
    """Start a session for whoever knows the password.

    :raises Unauthorized: for a wrong e-mail or password, at the same cost and in the same words.
    """
    wanted = select(User.id, User.password_hash).where(User.email == email)
    user_id, password_hash = db.session.execute(wanted).one_or_none() or (None, None)
    user, new_hash = _verified(user_id, password_hash, password)
    if user is None:
        events.record("login_failed", userId=user_id)
        raise Unauthorized("Wrong e-mail or password.")
    if new_hash:
        renewed = {"password_hash": new_hash, "updated_at": User.updated_at}
        db.session.execute(update(User).where(User.id == user.id).values(renewed))
    signed_in = start_session(user, user_agent)
    db.session.commit()
    events.record("login_succeeded", userId=user.id)
    return signed_in


def confirmed(user: User, password: str) -> User:
    """Return the user, locked until the transaction ends, if the password is theirs.

    :raises WrongPassword: if it is not.
    :raises Unauthorized: when they were deleted a moment ago.
    """
    user_id = user.id
    verified, _ = _verified(user_id, user.password_hash, password)
    if verified is None and db.session.get(User, user_id, populate_existing=True) is None:
        raise Unauthorized(SESSION_ENDED)
    if verified is None:
        events.record("password_not_confirmed", userId=user_id)
        raise WrongPassword
    return verified


def locked(user: User) -> User:
    """Return the user as they are now, locked until the transaction ends.

    :raises Unauthorized: when they were deleted a moment ago.
    """
    found = db.session.get(User, user.id, with_for_update=True, populate_existing=True)
    if found is None:
        raise Unauthorized(SESSION_ENDED)
    return found


def _verified(
    user_id: UUID | None, password_hash: str | None, password: str
) -> tuple[User | None, str | None]:
    # Hashing takes long, and nobody else should lack a connection or wait for a lock meanwhile.
    db.session.rollback()
    right, new_hash = hasher().verify(password, password_hash)
    if not right:
        return None, None
    user = db.session.get(User, user_id, with_for_update=True, populate_existing=True)
    # Else a password that was changed meanwhile would open one last session.
    unchanged = user is not None and user.password_hash == password_hash
    return (user, new_hash) if unchanged else (None, None)
