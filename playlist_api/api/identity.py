"""Who calls: the token that a request presents, and whether its session is still active.

Access and refresh tokens are JWTs that name a user (`sub`) and a session (`sid`).
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from functools import lru_cache, wraps
from time import time
from typing import Any, NamedTuple, cast
from uuid import UUID

import jwt
from flask import current_app, g, request
from sqlalchemy import bindparam, func, select

from playlist_api.api.operations import ACCESS_TOKEN, REFRESH_TOKEN, View, operation_of
from playlist_api.db.engine import db
from playlist_api.db.models import Session, User
from playlist_api.db.statements import Query
from playlist_api.errors import SessionEnded, Unauthorized

REFRESH_COOKIE = REFRESH_TOKEN
REQUIRED_CLAIMS = ["sub", "sid", "type", "jti", "iat", "exp"]
INVALID_TOKEN = (jwt.PyJWTError, AttributeError, TypeError, ValueError)
"""What decoding raises for a token that this service did not issue."""

MAX_CLOCK_SKEW = timedelta(minutes=15)
"""How far ahead the clock of the instance that issued a token may be; no token lives longer."""

TOKEN_CACHE_SIZE = 2048


class Identity(NamedTuple):
    """The user and session of a valid token; only the database knows whether they still exist."""

    user_id: str
    session_id: str


not_expired = Session.expires_at > func.now()

active_user = (
    select(User)
    .join(Session, Session.user_id == User.id)
    .where(Session.id == bindparam("session_id"), User.id == bindparam("user_id"), not_expired)
)
"""The user of an active session. Statements include it, so that the check of the session costs no
round trip of its own."""

active_session = Query("active_session", active_user.with_only_columns(User.id))


def access_token_required(view: View) -> View:
    """Require a valid access token in `Authorization: Bearer`.

    It does not ask the database. A view uses `current_identity()` in a statement that includes
    `active_user`, or calls `current_user()`.
    """
    return _token_required(view, ACCESS_TOKEN, "access", _bearer_token)


def refresh_cookie_required(view: View) -> View:
    """Require a valid refresh token in the cookie. Like the above, it does not ask the database."""
    return _token_required(view, REFRESH_TOKEN, "refresh", _cookie_token)


def tokens_accepted(view: View) -> View:
    """Document that a view requires no token, but uses `presented_sessions()`."""
    operation = operation_of(view)
    operation.security = [{ACCESS_TOKEN: []}, {REFRESH_TOKEN: []}, {}]
    operation.failures |= {502, 503}
    return view


def check_first(view: View, check: Callable[[], None], *statuses: int) -> View:
    """Run a check before the view. Document `statuses` as the check's errors."""
    operation_of(view).failures |= set(statuses)

    @wraps(view)
    def checked(*args: Any, **kwargs: Any) -> Any:
        check()
        return view(*args, **kwargs)

    return cast(View, checked)


def _token_required(view: View, scheme: str, kind: str, presented: Callable[[], str]) -> View:
    operation = operation_of(view)
    operation.security = [{scheme: []}]

    def check() -> None:
        try:
            identity, expires_at = _read_token(presented(), kind, current_app.config["SECRET_KEY"])
        except INVALID_TOKEN as error:
            raise Unauthorized from error
        # Decoding allows for the clock skew, and a cached token is not decoded again.
        if expires_at <= time():
            raise Unauthorized
        g.identity = identity
        request.environ["REMOTE_USER"] = identity.user_id

    return check_first(view, check, 401, 502, 503)


def _bearer_token() -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" else ""


def _cookie_token() -> str:
    return request.cookies.get(REFRESH_COOKIE, "")


@lru_cache(TOKEN_CACHE_SIZE)
def _read_token(token: str, kind: str, key: str) -> tuple[Identity, float]:
    claims = _decode(token, kind, key)
    return Identity(str(UUID(claims["sub"])), str(UUID(claims["sid"]))), claims["exp"]


def _decode(token: str, kind: str, key: str, *, verify_exp: bool = True) -> dict[str, Any]:
    # PyJWT, because Flask-JWT-Extended cannot require claims and decodes each token twice.
    options: Any = {"require": REQUIRED_CLAIMS, "verify_exp": verify_exp}
    claims = jwt.decode(token, key, ["HS256"], options=options, leeway=MAX_CLOCK_SKEW)
    if claims["type"] != kind:
        raise jwt.InvalidTokenError
    return claims


def current_identity() -> Identity:
    """Return the user and session that the request's valid token names."""
    identity: Identity = g.identity
    return identity


def current_session() -> UUID:
    """Return the id of the session alone."""
    return UUID(current_identity().session_id)


def current_user() -> User:
    """Load the user of the request's session.

    :raises SessionEnded: when the session has ended.
    """
    user = db.session.scalar(active_user, current_identity()._asdict())
    if user is None:
        raise SessionEnded
    return user


def session_is_active(identity: Identity) -> bool:
    """Tell whether the session has neither expired nor been ended."""
    return bool(active_session(**identity._asdict()))


def require_active_session() -> None:
    """Check the request's session, if the route requires a token.

    :raises SessionEnded: when the session has ended.
    """
    if "identity" in g and not session_is_active(g.identity):
        raise SessionEnded


def presented_sessions() -> Iterator[UUID]:
    """Return the sessions whose tokens the request holds, even if they have expired."""
    key = current_app.config["SECRET_KEY"]
    for token, kind in ((_bearer_token(), "access"), (_cookie_token(), "refresh")):
        with suppress(*INVALID_TOKEN):
            yield UUID(_decode(token, kind, key, verify_exp=False)["sid"])
