"""Who calls: whose token a request holds, and whether their session is alive."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import wraps
from time import time
from typing import Any, TypeVar, cast
from uuid import UUID

from flask import current_app, g, request
from flask_jwt_extended import decode_token
from marshmallow import ValidationError
from sqlalchemy import bindparam, func, select
from werkzeug.exceptions import HTTPException

from playlist_api.database import db
from playlist_api.errors import Unauthorized
from playlist_api.models import Session, User
from playlist_api.operations import ACCESS_TOKEN, REFRESH_TOKEN, operation_of
from playlist_api.security import tokens
from playlist_api.security.tokens import Caller

SIGN_IN = "Please sign in."

View = TypeVar("View", bound=Callable[..., Any])

live_user = (
    select(User)
    .join(Session, Session.user_id == User.id)
    .where(
        Session.id == bindparam("session_id"),
        User.id == bindparam("user_id"),
        Session.expires_at > func.now(),
    )
)
"""The user of a caller's session, if it is alive: to be asked for, or to be a part of a query."""


def access_token_required(view: View) -> View:
    """Let only requests through whose `Authorization: Bearer` holds a good access token.

    The view finds whose it is by `caller()`, to be passed to a query of a live session, or by
    `current_user()`. What is refused before either was asked for comes after that question.

    :raises Unauthorized: for any other token, and for none.
    """
    return _guarded(view, ACCESS_TOKEN, "access", _bearer)


def refresh_cookie_required(view: View) -> View:
    """Let only requests through whose cookie holds a refresh token of a session that is alive.

    :raises Unauthorized: for any other cookie, and for none.
    """
    return _guarded(view, REFRESH_TOKEN, "refresh", _cookie)


def tokens_accepted(view: View) -> View:
    """Note of a view that it asks for no token, but uses what `presented_sessions` finds."""
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
        g.caller = _caller(presented(), kind)
        request.environ["REMOTE_USER"] = g.caller.user_id
        try:
            return view(*args, **kwargs)
        except (ValidationError, HTTPException):
            # No query was made that would have told of a session that has ended.
            current_user()
            raise

    return cast(View, guarded)


def _bearer() -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" else ""


def _cookie() -> str:
    return request.cookies.get(tokens.REFRESH_COOKIE, "")


def _caller(token: str, kind: str) -> Caller:
    try:
        caller, found, expires_at = tokens.decoded(token, current_app.config["SECRET_KEY"])
    except tokens.TOKEN_ERRORS as error:
        raise Unauthorized(SIGN_IN) from error
    if found != kind or expires_at <= time():
        raise Unauthorized(SIGN_IN)
    return caller


def caller() -> Caller:
    """Name the caller whose token the request holds."""
    found: Caller = g.caller
    return found


def current_user() -> User:
    """Find the caller's user.

    :raises Unauthorized: when their session has ended.
    """
    if "user" not in g:
        g.user = db.session.scalar(live_user, g.caller._asdict())
    if g.user is None:
        raise Unauthorized(SIGN_IN)
    user: User = g.user
    return user


def presented_sessions() -> Iterator[UUID]:
    """Name the sessions that the request holds a genuine token of, be it expired or replaced.

    Such a token opens nothing, but is proof enough for ending its session.
    """
    for token, kind in ((_bearer(), "access"), (_cookie(), "refresh")):
        with suppress(*tokens.TOKEN_ERRORS):
            claims = decode_token(token, allow_expired=True)
            if claims["type"] == kind:
                yield UUID(claims["sid"])


def current_session() -> UUID:
    """Name the session of the request's token, which has been checked."""
    return UUID(caller().session_id)
