"""Forgotten passwords: a link by mail, good once and for half an hour."""

import logging
import secrets
from datetime import timedelta
from email.message import EmailMessage
from urllib.parse import urlencode

from marshmallow import ValidationError
from sqlalchemy import delete, func, select

from playlist_api.auth.accounts import set_password
from playlist_api.auth.passwords import hasher, password_problem
from playlist_api.auth.service import BESIDE_REFERENCES
from playlist_api.auth.tokens import token_hash
from playlist_api.db.engine import db
from playlist_api.db.models import PasswordReset, User
from playlist_api.errors import Problem
from playlist_api.ops import events
from playlist_api.ops.clients import client_keys
from playlist_api.ops.mail import mailer, recipient

LIFETIME = timedelta(minutes=30)
"""OWASP's Forgot Password Cheat Sheet asks for an appropriate period; NIST SP 800-63B for at most
24 hours of a code sent by mail (section 4.2.1.2)."""

TEXT = """Hello,

somebody, hopefully you, wants to set a new password for your playlist. This link does it, once
and within half an hour:

{link}

If it was not you, there is nothing to do: your password stays as it is.
"""

log = logging.getLogger(__name__)

INVALID = Problem("expired", "is no longer valid. Please ask for a new link.")


def request_reset(email: str, page: str) -> None:
    """Mail a link to `page` to whoever has this e-mail.

    All the work is done later and elsewhere, so that the time this takes tells nobody whether
    the e-mail has an account.

    :raises TooManyRequests, ServiceUnavailable: when too many mails are waiting already.
    """
    mailer().later(client_keys(), _send_link, email, page)


def _send_link(email: str, page: str) -> None:
    known = db.session.execute(
        select(User.id, User.password_hash).where(User.email == email)
    ).one_or_none()
    if known is None:
        return
    try:
        to = recipient(email)
    except ValueError:
        log.warning("User %s has an e-mail address that no mail is sent to.", known.id)
        return
    # The user is locked before the link is made: a change of e-mail or password that is under way
    # deletes all links, and must not miss this one.
    unchanged = select(User.id).where(
        User.id == known.id, User.email == email, User.password_hash == known.password_hash
    )
    if db.session.scalar(unchanged.with_for_update(key_share=True)) is None:
        return
    token = secrets.token_urlsafe()
    expires_at = func.now() + LIFETIME
    db.session.add(
        PasswordReset(token_hash=token_hash(token), user_id=known.id, expires_at=expires_at)
    )
    db.session.commit()
    events.record("password_reset_requested", userId=known.id)
    message = EmailMessage()
    message["Subject"] = "Your new password"
    # As it is: quoted-printable would break the link where somebody reads the mail raw.
    message.set_content(TEXT.format(link=f"{page}?{urlencode({'token': token})}"), cte="7bit")
    mailer().send(message, to)


def reset_password(token: str, new_password: str) -> None:
    """Set the password of whoever was mailed this token, and end all of their sessions.

    :raises ValidationError: when the token is unknown, used or expired, or the password too weak.
    """
    usable = (PasswordReset.token_hash == token_hash(token), PasswordReset.expires_at > func.now())
    user = db.session.scalar(select(User).join(PasswordReset).where(*usable))
    if user is None:
        raise ValidationError(INVALID, "token")
    if problem := password_problem(new_password, name=user.name, email=user.email):
        raise ValidationError(problem, "newPassword")
    # Hashing takes long, and nobody else should lack a connection meanwhile.
    user_id = user.id
    db.session.rollback()
    password_hash = hasher().hash(new_password)
    # The user is locked before their links, here as everywhere, so that racing calls take turns;
    # of those with one token, the one that deletes it wins.
    user = db.session.get(User, user_id, with_for_update=BESIDE_REFERENCES, populate_existing=True)
    used = delete(PasswordReset).where(*usable).returning(PasswordReset.user_id)
    if user is None or db.session.scalar(used) is None:
        raise ValidationError(INVALID, "token")
    set_password(user, password_hash)
    db.session.commit()
    events.record("password_reset", userId=user.id)
