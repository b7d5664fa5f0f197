"""What people do with their own account: change it, take their data, and leave."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from marshmallow import ValidationError
from sqlalchemy import delete, literal, select
from sqlalchemy.exc import IntegrityError

from playlist_api.api.fields import email_address
from playlist_api.api.identity import Identity
from playlist_api.auth.passwords import hasher, password_problem
from playlist_api.auth.queries import account, as_account
from playlist_api.auth.service import confirmed, locked
from playlist_api.auth.sessions import ListedSession, list_sessions
from playlist_api.db.engine import db, violates
from playlist_api.db.locks import can_change
from playlist_api.db.models import PasswordReset, Session, User
from playlist_api.db.timeouts import extend, response_timeout
from playlist_api.errors import EmailTaken, Invalid, ListBusy, SessionEnded
from playlist_api.ops import events
from playlist_api.transfer.exports import idempotency_keys_of, movies_of, pictures_of

DELETION_TIMEOUT = 30
"""Seconds: a million movies take a few."""

Check = Callable[[User], None]
"""Looks at a user who is about to be changed or deleted, and raises to prevent it."""


@dataclass(frozen=True)
class Export:
    """Everything that the service holds on a user."""

    exported_at: datetime
    user: User
    sessions: Iterable[ListedSession]
    password_resets: Iterable[PasswordReset]
    lists: Mapping[str, Iterator[dict[str, Any]]]
    """What there may be very many of, by its name in the answer: it is read while it is sent."""


def find_account(identity: Identity) -> dict[str, Any]:
    """Return the caller's account as they may see it.

    :raises Unauthorized: when their session has ended.
    """
    for row in account(**identity._asdict()):
        return as_account(row)
    raise SessionEnded


def change_profile(user: User, changes: dict[str, Any], check: Check) -> User:
    """Set the user's name, and their e-mail if their current password comes with it.

    :raises Unauthorized: when the user was deleted a moment ago.
    :raises ValidationError: when a new e-mail is no address, or comes without the password.
    :raises WrongPassword: when the password is wrong.
    :raises EmailTaken: when somebody else has the e-mail.
    """
    current_password = changes.pop("current_password", None)
    moves = changes.get("email", user.email) != user.email
    if moves:
        _check_email(changes["email"])
    if moves and current_password is None:
        raise Invalid("required", "must be given to change the e-mail.", "currentPassword")
    user = confirmed(user, current_password) if moves else locked(user)
    check(user)
    if moves:
        _spend_links(user)
    else:
        # It is theirs no longer, if it was changed since the request came in.
        changes.pop("email", None)
    for name, value in changes.items():
        setattr(user, name, value)
    try:
        db.session.commit()
    except IntegrityError as error:
        if violates(error, "User_email_key"):
            raise EmailTaken from error
        raise
    if moves:
        events.record("email_changed", userId=user.id)
    return user


def _check_email(email: str) -> None:
    try:
        email_address(email)
    except ValidationError as error:
        raise ValidationError(error.messages, "email") from None


def change_password(user: User, session_id: UUID, current: str, new: str) -> None:
    """Give the user a new password, and end every session but this one.

    :raises ValidationError: when the new password is too weak.
    :raises WrongPassword: when the current one is wrong.
    """
    if problem := password_problem(new, name=user.name, email=user.email):
        raise ValidationError(problem, "newPassword")
    # Hashing takes long, and nobody else should lack a connection or wait for a lock meanwhile.
    db.session.close()
    password_hash = hasher().hash(new)
    user = confirmed(user, current)
    set_password(user, password_hash, kept=session_id)
    db.session.commit()
    events.record("password_changed", userId=user.id)


def set_password(user: User, password_hash: str, kept: UUID | None = None) -> None:
    """Set the password of a locked user in the running transaction; what the old one opened ends.

    Every session ends but the one that is `kept`, and no link to reset the password works again.
    """
    user.password_hash = password_hash
    others = Session.user_id == user.id
    db.session.execute(delete(Session).where(others, Session.id.is_distinct_from(kept)))
    _spend_links(user)


def _spend_links(user: User) -> None:
    db.session.execute(delete(PasswordReset).where(PasswordReset.user_id == user.id))


def delete_account(user: User, current_password: str, check: Check) -> None:
    """Delete the user with all that is theirs, if the check lets it pass.

    :raises WrongPassword: when the password is wrong.
    :raises ListBusy: while their list is imported.
    """
    user = confirmed(user, current_password)
    check(user)
    if not db.session.scalar(select(can_change(literal(user.id)))):
        raise ListBusy
    db.session.delete(user)
    with response_timeout(DELETION_TIMEOUT):
        extend(db.session.connection().connection.cursor())
        db.session.commit()
    events.record("account_deleted", userId=user.id)


def export(user: User, current: UUID) -> Export:
    """Gather everything that the service holds on the user, who asks in the current session."""
    resets = select(PasswordReset).where(PasswordReset.user_id == user.id)
    events.record("account_exported", userId=user.id)
    return Export(
        datetime.now(UTC),
        user,
        list_sessions(user, current).items,
        db.session.scalars(resets).all(),
        {
            "idempotencyKeys": idempotency_keys_of(user.id),
            "pictures": pictures_of(user.id),
            "movies": movies_of(user.id),
        },
    )
