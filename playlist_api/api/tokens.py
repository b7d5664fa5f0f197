"""Access and refresh tokens: made, decoded, and handed out.

Both are JWTs that name their user (`sub`) and their session (`sid`), signed with HS256.
"""

from datetime import timedelta
from functools import lru_cache
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import UUID

from flask import Flask, Response, after_this_request, current_app
from flask_jwt_extended import (
    JWTManager,
    create_access_token,
    create_refresh_token,
    decode_token,
    set_refresh_cookies,
)
from flask_jwt_extended.exceptions import JWTExtendedException
from jwt import InvalidTokenError, PyJWTError

from playlist_api.api.operations import REFRESH_TOKEN
from playlist_api.db.models import Session

ACCESS_TOKEN_LIFETIME = timedelta(minutes=15)
REFRESH_TOKEN_LIFETIME = timedelta(days=7)
REFRESH_COOKIE = REFRESH_TOKEN
CLAIMS = frozenset({"sub", "sid", "type", "jti", "iat", "exp"})

TOKEN_ERRORS = (JWTExtendedException, PyJWTError, AttributeError, TypeError, ValueError)

REMEMBERED = 2048
"""Tokens that a process need not decode again: of so many people who call at a time."""

jwt = JWTManager()


class Identity(NamedTuple):
    """Whose genuine token a request holds; whether their session is alive, the database knows."""

    user_id: str
    session_id: str


def init_app(app: Flask, *, secure_cookie: bool) -> None:
    """Configure the tokens; `app` must have its secret key."""
    app.config.from_mapping(
        JWT_ACCESS_TOKEN_EXPIRES=ACCESS_TOKEN_LIFETIME,
        JWT_COOKIE_CSRF_PROTECT=False,  # SameSite and the check of `Origin` do this
        JWT_COOKIE_SAMESITE="Strict",
        JWT_COOKIE_SECURE=secure_cookie,
        # Else a token of an instance whose clock is ahead, be it by milliseconds, would not be good
        # yet. It lets no token live longer: whoever uses one looks at when it expires.
        JWT_DECODE_LEEWAY=ACCESS_TOKEN_LIFETIME,
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


@lru_cache(REMEMBERED)
def decoded(token: str, _key: str) -> tuple[Identity, str, float]:
    """Check a token's signature and claims, and say whose it is, of which kind, and until when.

    A token that was decoded before is not decoded again, so that the caller must look at the time.

    :raises TOKEN_ERRORS: when this service has not made it, or it expired long ago.
    """
    claims = decode_token(token)
    identity = Identity(str(UUID(claims["sub"])), str(UUID(claims["sid"])))
    return identity, claims["type"], claims["exp"]


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


def set_refresh_cookie(token: str) -> None:
    """Give the browser the refresh token with this answer: for `/auth` only, out of scripts' reach.

    The cookie lives as long as the token does.
    """

    @after_this_request
    def set_cookie(response: Response) -> Response:
        max_age = int(REFRESH_TOKEN_LIFETIME.total_seconds())
        set_refresh_cookies(response, token, max_age=max_age)
        return response


def clear_refresh_cookie() -> None:
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
