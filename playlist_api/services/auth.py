"""Signing up and logging in."""

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from playlist_api.database import db
from playlist_api.errors import Conflict, Unauthorized
from playlist_api.models import User
from playlist_api.security.passwords import hash_password, verify_password
from playlist_api.services.sessions import SignedIn, start_session


def sign_up(name: str, email: str, password: str) -> SignedIn:
    """Make an account and its first session.

    :raises Conflict: when the e-mail has an account, be it made a moment ago.
    """
    account = {"name": name, "email": email, "password_hash": hash_password(password)}
    # Whether the address is free, only its unique index can tell when several ask at once.
    adding = insert(User).on_conflict_do_nothing(index_elements=[User.email]).returning(User)
    user = db.session.scalar(adding, account)
    if user is None:
        raise Conflict("This e-mail already has an account.")
    signed_in = start_session(user)
    db.session.commit()
    return signed_in


def log_in(email: str, password: str) -> SignedIn:
    """Start a session for whoever knows the password.

    :raises Unauthorized: for a wrong e-mail or password, at the same cost and in the same words.
    """
    user = db.session.scalar(select(User).where(User.email == email))
    right, new_hash = verify_password(password, user.password_hash if user else None)
    if user is None or not right:
        raise Unauthorized("Wrong e-mail or password.")
    if new_hash:
        user.password_hash = new_hash
    signed_in = start_session(user)
    db.session.commit()
    return signed_in
