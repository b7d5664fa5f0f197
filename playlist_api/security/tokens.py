"""Access and refresh tokens: made, checked, and carried by header and by cookie.

Both are JWTs that name their user (`sub`) and their session (`sid`), signed with HS256.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from functools import wraps
from hashlib import sha256
from typing import Any, TypeVar, cast
from uuid import UUID

from flask import Flask, Response, after_this_request, current_app, g, request
from flask_jwt_extended import (
    JWTManager,
    create_access_token,
    create_refresh_token,
    decode_token,
    get_jwt,
    set_refresh_cookies,
    verify_jwt_in_request,
)
from flask_jwt_extended.exceptions import JWTExtendedException
from jwt import InvalidTokenError, PyJWTError
from sqlalchemy import func, select

from playlist_api.database import db
from playlist_api.errors import Unauthorized
from playlist_api.models import Session, User
from playlist_api.operations import ACCESS_TOKEN, REFRESH_TOKEN, operation_of

ACCESS_TOKEN_LIFETIME = timedelta(minutes=15)
REFRESH_TOKEN_LIFETIME = timedelta(days=7)
REFRESH_COOKIE = REFRESH_TOKEN
CLAIMS = frozenset({"sub", "sid", "type", "jti", "iat", "exp"})

# The last is what Flask-JWT-Extended raises for an `Authorization` of commas and spaces.
TOKEN_ERRORS = (JWTExtendedException, PyJWTError, IndexError)

View = TypeVar("View", bound=Callable[..., Any])

jwt = JWTManager()


def init_app(app: Flask, *, secure_cookie: bool) -> None:
    """Configure the tokens; `app` must have its secret key."""
    app.config.from_mapping(
        JWT_ACCESS_TOKEN_EXPIRES=ACCESS_TOKEN_LIFETIME,
        JWT_COOKIE_CSRF_PROTECT=False,  # SameSite and the check of `Origin` do this
        JWT_COOKIE_SAMESITE="Strict",
        JWT_COOKIE_SECURE=secure_cookie,
        JWT_ENCODE_NBF=False,
        JWT_REFRESH_COOKIE_NAME=REFRESH_COOKIE,
        JWT_REFRESH_COOKIE_PATH="/auth",
    )
    jwt.init_app(app)


@jwt.decode_key_loader
def _key(_header: dict[str, Any], claims: dict[str, Any]) -> str:
    # Else one that never expires would do, and one without a type pass for an access token.
    if not claims.keys() >= CLAIMS or claims["type"] not in ("access", "refresh"):
        raise InvalidTokenError("This service does not make such tokens.")
    key: str = current_app.config["SECRET_KEY"]
    return key


@jwt.user_lookup_loader
def _user_of_live_session(_header: dict[str, Any], claims: dict[str, Any]) -> User | None:
    # One query finds the user and proves the session alive, so that its end is felt at once.
    user = db.session.scalar(
        select(User)
        .join(Session, Session.user_id == User.id)
        .where(
            Session.id == _uuid(claims["sid"]),
            User.id == _uuid(claims["sub"]),
            Session.expires_at > func.now(),
        )
    )
    g.user_id = user and user.id
    return user


def _uuid(claim: Any) -> UUID | None:
    try:
        return UUID(claim)
    except (AttributeError, TypeError, ValueError):
        return None


def access_token_required(view: View) -> View:
    """Let only requests through whose `Authorization: Bearer` holds a good access token.

    The view finds its user as `flask_jwt_extended.current_user`.

    :raises Unauthorized: for any other token, and for none.
    """
    return _guarded(view, ACCESS_TOKEN, locations="headers")


def refresh_cookie_required(view: View) -> View:
    """Let only requests through whose cookie holds a refresh token of a session that is alive.

    :raises Unauthorized: for any other cookie, and for none.
    """
    return _guarded(view, REFRESH_TOKEN, locations="cookies", refresh=True)


def tokens_accepted(view: View) -> View:
    """Note of a view that it asks for no token, but uses what `presented_sessions` finds."""
    operation = operation_of(view)
    operation.security = [ACCESS_TOKEN, REFRESH_TOKEN]
    operation.failures.add(503)
    return view


def _guarded(view: View, scheme: str, **where: Any) -> View:
    operation = operation_of(view)
    operation.security, operation.anonymous = [scheme], False
    operation.failures |= {401, 503}

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            _spell_scheme()
            verify_jwt_in_request(**where)
        except TOKEN_ERRORS as error:
            raise Unauthorized("Please sign in.") from error
        return view(*args, **kwargs)

    return cast(View, guarded)


def _spell_scheme() -> None:
    # The library wants `Bearer` to the letter; schemes have no case (RFC 9110, section 11.1).
    scheme, space, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        request.environ["HTTP_AUTHORIZATION"] = f"Bearer{space}{token}"


def presented_sessions() -> Iterator[UUID]:
    """Name the sessions that the request holds a genuine token of, be it expired or replaced.

    Such a token opens nothing, but is proof enough for ending its session.
    """
    header = request.authorization
    bearer = header.token if header and header.type == "bearer" else None
    for token, kind in ((bearer, "access"), (request.cookies.get(REFRESH_COOKIE), "refresh")):
        with suppress(*TOKEN_ERRORS):
            claims = decode_token(token or "", allow_expired=True)
            session_id = _uuid(claims["sid"])
            if session_id and claims["type"] == kind:
                yield session_id


def access_token(session: Session) -> str:
    """Make an access token for the session's user, good for `ACCESS_TOKEN_LIFETIME` from now."""
    token: str = create_access_token(
        str(session.user_id), additional_claims={"sid": str(session.id)}
    )
    return token


def refresh_token(session: Session) -> str:
    """Make the session's current refresh token: the same one for as long as it is not rotated.

    It can be made again from the row and the secret key, and from nothing less; that is how a
    session that keeps only hashes hands one token to several tabs that refresh at once.
    """
    token: str = create_refresh_token(
        str(session.user_id),
        additional_claims={
            "sid": str(session.id),
            "jti": session.replaced_token_hash or str(session.id),
            "iat": session.rotated_at,
            "exp": session.expires_at,
        },
    )
    return token


def token_hash(token: str) -> str:
    """Hash a refresh token for storing; it is random enough to need neither salt nor delay."""
    return sha256(token.encode()).hexdigest()


def hand_out_refresh_token(token: str) -> None:
    """Give the browser the refresh token with this answer: for `/auth` only, out of scripts' reach.

    The cookie lives as long as the token does.
    """

    @after_this_request
    def set_cookie(response: Response) -> Response:
        max_age = int(REFRESH_TOKEN_LIFETIME.total_seconds())
        set_refresh_cookies(response, token, max_age=max_age)
        return response


def take_back_refresh_token() -> None:
    """Have the browser forget the refresh token with this answer."""

    @after_this_request
    def delete_cookie(response: Response) -> Response:
        response.delete_cookie(
            REFRESH_COOKIE,
            path=current_app.config["JWT_REFRESH_COOKIE_PATH"],
            secure=current_app.config["JWT_COOKIE_SECURE"],
            httponly=True,
            samesite="Strict",
        )
        return response


def current_session() -> UUID:
    """Name the session of the request's token, which has been checked."""
    return UUID(get_jwt()["sid"])
