"""The user's own account: profile, password, forgotten password, deletion."""

import logging
import secrets
from collections.abc import Callable
from datetime import timedelta
from email.message import EmailMessage
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from marshmallow import ValidationError
from sqlalchemy import delete, func, literal, select
from sqlalchemy.exc import IntegrityError

from playlist_api.api.fields import email_address
from playlist_api.api.identity import Identity
from playlist_api.auth.limits import hit, limit_failed_logins
from playlist_api.auth.passwords import hash_password, password_problem, verify_password
from playlist_api.auth.queries import account, as_user, locked_user
from playlist_api.auth.tokens import token_hash
from playlist_api.db.engine import db, violates
from playlist_api.db.models import PasswordReset, Session, User
from playlist_api.db.statements import can_change
from playlist_api.db.timeouts import extend, response_timeout
from playlist_api.errors import EmailTaken, Invalid, ListBusy, SessionEnded, WrongPassword
from playlist_api.ops import mail
from playlist_api.ops.logs import record_event

DELETION_TIMEOUT = 30
"""Seconds: a million movies take a few."""

LINK_LIFETIME = timedelta(minutes=30)
"""OWASP's Forgot Password Cheat Sheet asks for an appropriate period; NIST SP 800-63B for at most
24 hours of a code sent by mail (section 4.2.1.2)."""

RESET_MAIL = """Hello,

someone, hopefully you, asked to set a new password for your playlist. Follow this link within half
an hour; it works once:

{link}

If it was not you, ignore this mail. Your password stays as it is.
"""

log = logging.getLogger(__name__)

UserCheck = Callable[[User], None]
"""Looks at a user who is about to be changed or deleted, and raises to prevent it."""


def find_account(identity: Identity) -> dict[str, Any]:
    """Return the caller's account as JSON.

    :raises Unauthorized: when their session has ended.
    """
    for row in account(**identity._asdict()):
        return as_user(row)
    raise SessionEnded


def change_profile(user: User, changes: dict[str, Any], check: UserCheck) -> User:
    """Set the user's name, and their e-mail if their current password comes with it.

    :raises Unauthorized: when the user has been deleted meanwhile.
    :raises ValidationError: when a new e-mail is not an address, or comes without the password.
    :raises WrongPassword: when the password is wrong.
    :raises EmailTaken: when another account has the e-mail.
    """
    password = changes.pop("current_password", None)
    new_email = changes.get("email", user.email) != user.email
    if new_email:
        email_address(changes["email"], "email")
        if password is None:
            raise Invalid("required", "must be given to change the e-mail.", "currentPassword")
        _check_password(user, password)
        user = _lock_unchanged(user)
    else:
        # Not written back: another request may have changed it.
        changes.pop("email", None)
        user = _lock(user)
    check(user)
    if new_email:
        _delete_reset_links(user)
    for name, value in changes.items():
        setattr(user, name, value)
    try:
        db.session.commit()
    except IntegrityError as error:
        if violates(error, "User_email_key"):
            raise EmailTaken from error
        raise
    if new_email:
        record_event("email_changed", userId=user.id)
    return user


def change_password(user: User, session_id: UUID, current_password: str, new_password: str) -> None:
    """Set the user's password, and end all of their sessions except this one.

    :raises ValidationError: when the new password is too weak.
    :raises WrongPassword: when the current one is wrong.
    """
    if problem := password_problem(new_password, name=user.name, email=user.email):
        raise ValidationError(problem, "newPassword")
    _check_password(user, current_password)
    password_hash = hash_password(new_password)
    user = _lock_unchanged(user)
    _set_password(user, password_hash, kept=session_id)
    db.session.commit()
    record_event("password_changed", userId=user.id)


def request_reset(email: str, page: str) -> None:
    """Mail a link to `page` to the user with this e-mail, if there is one.

    A background job does all the work, so that the response time does not tell whether the e-mail
    has an account.

    :raises TooManyRequests: when the address has got too many, or too many mails are waiting.
    """
    hit("forgot", email)
    mail.do_later(_send_link, email, page)


def _send_link(email: str, page: str) -> None:
    user = db.session.scalar(select(User).where(User.email == email))
    if user is None:
        return
    try:
        to = mail.recipient(email)
    except ValueError:
        log.warning("User %s has an e-mail address that no mail is sent to.", user.id)
        return
    # The lock waits for a change of the e-mail or password that is under way. Such a change deletes
    # all links, so none must be added for the old e-mail or password afterwards.
    unchanged = User.email == email, User.password_hash == user.password_hash
    if db.session.scalar(locked_user.where(User.id == user.id, *unchanged)) is None:
        return
    token, expires_at = secrets.token_urlsafe(), func.now() + LINK_LIFETIME
    link = PasswordReset(token_hash=token_hash(token), user_id=user.id, expires_at=expires_at)
    db.session.add(link)
    db.session.commit()
    record_event("password_reset_requested", userId=user.id)
    message = EmailMessage()
    message["Subject"] = "Your new password"
    # Quoted-printable would break the link for people who read the source of the mail.
    message.set_content(RESET_MAIL.format(link=f"{page}?{urlencode({'token': token})}"), cte="7bit")
    mail.send(message, to)


def reset_password(token: str, new_password: str) -> None:
    """Set the password of the user who was mailed this token, and end all of their sessions.

    :raises ValidationError: when the token is unknown, used or expired, or the password too weak.
    """
    usable = (PasswordReset.token_hash == token_hash(token), PasswordReset.expires_at > func.now())
    invalid = Invalid("expired", "is no longer valid. Please ask for a new link.", "token")
    user = db.session.scalar(select(User).join(PasswordReset).where(*usable))
    if user is None:
        raise invalid
    if problem := password_problem(new_password, name=user.name, email=user.email):
        raise ValidationError(problem, "newPassword")
    # Hashing takes long, and must hold neither a connection nor a lock meanwhile.
    db.session.close()
    password_hash = hash_password(new_password)
    # Every change locks the user before their links, so that racing calls cannot deadlock. Of calls
    # with the same token, the one that deletes it wins.
    user = db.session.scalar(locked_user.where(User.id == user.id))
    used = delete(PasswordReset).where(*usable).returning(PasswordReset.user_id)
    if user is None or db.session.scalar(used) is None:
        raise invalid
    _set_password(user, password_hash)
    db.session.commit()
    record_event("password_reset", userId=user.id)


def delete_account(user: User, current_password: str, check: UserCheck) -> None:
    """Delete the user with all that belongs to them.

    :raises WrongPassword: when the password is wrong.
    :raises ListBusy: while their list is being imported.
    """
    _check_password(user, current_password)
    user = _lock_unchanged(user)
    check(user)
    if not db.session.scalar(select(can_change(literal(user.id)))):
        raise ListBusy
    with response_timeout(DELETION_TIMEOUT):
        delete_user(user)


def delete_user(user: User) -> None:
    """Delete a user with all that belongs to them, for as long as `response_timeout` says."""
    db.session.delete(user)
    extend(db.session.connection().connection.cursor())
    db.session.commit()
    record_event("account_deleted", userId=user.id)


def _check_password(user: User, password: str) -> None:
    # Checking takes long, and must hold neither a connection nor a lock meanwhile.
    db.session.close()
    with limit_failed_logins(user.email):
        is_right, _ = verify_password(password, user.password_hash)
        if not is_right:
            record_event("password_not_confirmed", userId=user.id)
            raise WrongPassword


def _lock_unchanged(user: User) -> User:
    locked = _lock(user)
    if locked.password_hash != user.password_hash:
        raise WrongPassword
    return locked


def _lock(user: User) -> User:
    locked = db.session.scalar(locked_user.where(User.id == user.id))
    if locked is None:
        raise SessionEnded
    return locked


def _set_password(user: User, password_hash: str, kept: UUID | None = None) -> None:
    user.password_hash = password_hash
    others = Session.user_id == user.id, Session.id.is_distinct_from(kept)
    db.session.execute(delete(Session).where(*others))
    _delete_reset_links(user)


def _delete_reset_links(user: User) -> None:
    db.session.execute(delete(PasswordReset).where(PasswordReset.user_id == user.id))
