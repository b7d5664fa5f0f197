"""The identity of the caller: the user and session of the request's token."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import wraps
from time import time
from typing import Any, TypeVar, cast
from uuid import UUID

from flask import current_app, g, request
from flask_jwt_extended import decode_token
from sqlalchemy import bindparam, func, select

from playlist_api.api import tokens
from playlist_api.api.operations import ACCESS_TOKEN, REFRESH_TOKEN, operation_of
from playlist_api.api.tokens import Identity
from playlist_api.db.engine import db
from playlist_api.db.models import Session, User
from playlist_api.db.statements import Query
from playlist_api.errors import SessionEnded, Unauthorized

View = TypeVar("View", bound=Callable[..., Any])

active_user = (
    select(User)
    .join(Session, Session.user_id == User.id)
    .where(
        Session.id == bindparam("session_id"),
        User.id == bindparam("user_id"),
        Session.expires_at > func.now(),
    )
)
"""The user of an active session. Statements include it, so that the check needs no round trip of
its own."""

active_session = Query("active_session", active_user.with_only_columns(User.id))


def access_token_required(view: View) -> View:
    """Require a valid access token in `Authorization: Bearer`.

    The view passes `current_identity()` to a statement that includes `active_user`, or calls
    `current_user()`: the token alone does not prove that its session is active.

    :raises Unauthorized: without a valid token.
    """
    return _guarded(view, ACCESS_TOKEN, "access", _bearer)


def refresh_cookie_required(view: View) -> View:
    """Require a valid refresh token in the cookie.

    :raises Unauthorized: without a valid token.
    """
    return _guarded(view, REFRESH_TOKEN, "refresh", _cookie)


def tokens_accepted(view: View) -> View:
    """Document that a view requires no token, but uses those of `presented_sessions`."""
    operation = operation_of(view)
    operation.security = [ACCESS_TOKEN, REFRESH_TOKEN]
    operation.failures |= {502, 503}
    return view


def _guarded(view: View, scheme: str, kind: str, presented: Callable[[], str]) -> View:
    operation = operation_of(view)
    operation.security, operation.anonymous = [scheme], False
    operation.failures |= {401, 429, 502, 503}

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        g.identity = _identity(presented(), kind)
        request.environ["REMOTE_USER"] = g.identity.user_id
        return view(*args, **kwargs)

    return cast(View, guarded)


def _bearer() -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" else ""


def _cookie() -> str:
    return request.cookies.get(tokens.REFRESH_COOKIE, "")


def _identity(token: str, kind: str) -> Identity:
    try:
        identity, found, expires_at = tokens.decoded(token, current_app.config["SECRET_KEY"])
    except tokens.TOKEN_ERRORS as error:
        raise Unauthorized from error
    if found != kind or expires_at <= time():
        raise Unauthorized
    return identity


def current_identity() -> Identity:
    """Return the user and session of the request's valid token."""
    identity: Identity = g.identity
    return identity


def current_user() -> User:
    """Return the user of the request's session.

    :raises SessionEnded: when the session has ended.
    """
    if "user" not in g:
        g.user = db.session.scalar(active_user, g.identity._asdict())
    if g.user is None:
        raise SessionEnded
    user: User = g.user
    return user


def session_is_active(identity: Identity) -> bool:
    """Tell whether the session is active."""
    return bool(active_session(**identity._asdict()))


def require_active_session() -> None:
    """Check the request's session, if the route requires a token.

    :raises SessionEnded: when the session has ended.
    """
    if "identity" in g and not session_is_active(g.identity):
        raise SessionEnded


def presented_sessions() -> Iterator[UUID]:
    """Return the sessions of the request's genuine tokens, even if these are expired or replaced.

    Such a token gives no access, but is enough to end its session.
    """
    for token, kind in ((_bearer(), "access"), (_cookie(), "refresh")):
        with suppress(*tokens.TOKEN_ERRORS):
            claims = decode_token(token, allow_expired=True)
            if claims["type"] == kind:
                yield UUID(claims["sid"])


def current_session() -> UUID:
    """Return the session of the request's valid token."""
    return UUID(current_identity().session_id)
