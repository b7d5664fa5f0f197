"""Forgotten passwords: a link by mail that works once, within half an hour."""

import logging
import secrets
from datetime import timedelta
from email.message import EmailMessage
from urllib.parse import urlencode

from marshmallow import ValidationError
from sqlalchemy import delete, func, select

from playlist_api.auth.accounts import set_password
from playlist_api.auth.passwords import hasher, password_problem
from playlist_api.auth.queries import locked_user
from playlist_api.auth.tokens import token_hash
from playlist_api.db.engine import db
from playlist_api.db.models import PasswordReset, User
from playlist_api.errors import Invalid
from playlist_api.ops import events
from playlist_api.ops.clients import client_keys
from playlist_api.ops.mail import mailer, recipient

LINK_LIFETIME = timedelta(minutes=30)
"""OWASP's Forgot Password Cheat Sheet asks for an appropriate period; NIST SP 800-63B for at most
24 hours of a code sent by mail (section 4.2.1.2)."""

TEXT = """Hello,

someone, hopefully you, asked to set a new password for your playlist. Follow this link within half
an hour; it works once:

{link}

If it was not you, ignore this mail. Your password stays as it is.
"""

log = logging.getLogger(__name__)


def request_reset(email: str, page: str) -> None:
    """Mail a link to `page` to the user with this e-mail, if there is one.

    A background job does all the work, so that the response time does not tell whether the e-mail
    has an account.

    :raises TooManyRequests, ServiceUnavailable: when too many mails are waiting.
    """
    mailer().later(client_keys(), _send_link, email, page)


def _send_link(email: str, page: str) -> None:
    user = db.session.scalar(select(User).where(User.email == email))
    if user is None:
        return
    try:
        to = recipient(email)
    except ValueError:
        log.warning("User %s has an e-mail address that no mail can be sent to.", user.id)
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
    events.record("password_reset_requested", userId=user.id)
    message = EmailMessage()
    message["Subject"] = "Your new password"
    # Quoted-printable would break the link for people who read the source of the mail.
    message.set_content(TEXT.format(link=f"{page}?{urlencode({'token': token})}"), cte="7bit")
    mailer().send(message, to)


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
    password_hash = hasher().hash(new_password)
    # Every change locks the user before their links, so that racing calls cannot deadlock. Of calls
    # with the same token, the one that deletes it wins.
    user = db.session.scalar(locked_user.where(User.id == user.id))
    used = delete(PasswordReset).where(*usable).returning(PasswordReset.user_id)
    if user is None or db.session.scalar(used) is None:
        raise invalid
    set_password(user, password_hash)
    db.session.commit()
    events.record("password_reset", userId=user.id)
