"""Access and refresh tokens: JWTs, signed with HS256, with user (`sub`) and session (`sid`)."""

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

CACHED_TOKENS = 2048
"""Decoded tokens that a process keeps: as many people can call at a time without decoding."""

jwt = JWTManager()


class Identity(NamedTuple):
    """The user and session of a genuine token; only the database knows if the session is active."""

    user_id: str
    session_id: str


def init_app(app: Flask, *, secure_cookie: bool) -> None:
    """Configure the tokens; `app` must have its secret key."""
    app.config.from_mapping(
        JWT_ACCESS_TOKEN_EXPIRES=ACCESS_TOKEN_LIFETIME,
        JWT_COOKIE_CSRF_PROTECT=False,  # SameSite and the check of `Origin` protect
        JWT_COOKIE_SAMESITE="Strict",
        JWT_COOKIE_SECURE=secure_cookie,
        # A token from an instance whose clock is ahead must be valid at once. Expiry is checked
        # without leeway, by the callers of `decoded`.
        JWT_DECODE_LEEWAY=ACCESS_TOKEN_LIFETIME,
        JWT_ENCODE_NBF=False,
        JWT_REFRESH_COOKIE_NAME=REFRESH_COOKIE,
        JWT_REFRESH_COOKIE_PATH="/auth",
    )
    jwt.init_app(app)


@jwt.decode_key_loader
def _key(_header: dict[str, Any], claims: dict[str, Any]) -> str:
    # Without this check a token could never expire, or pass as an access token without a type.
    if not claims.keys() >= CLAIMS or claims["type"] not in ("access", "refresh"):
        raise InvalidTokenError("The token lacks a claim or has an unknown type.")
    key: str = current_app.config["SECRET_KEY"]
    return key


@lru_cache(CACHED_TOKENS)
def decoded(token: str, _key: str) -> tuple[Identity, str, float]:
    """Check a token's signature and claims; return its identity, type and expiry time.

    Results are cached, so the caller must compare the expiry with the current time.

    :raises TOKEN_ERRORS: when the token is not genuine or has expired long ago.
    """
    claims = decode_token(token)
    identity = Identity(str(UUID(claims["sub"])), str(UUID(claims["sid"])))
    return identity, claims["type"], claims["exp"]


def access_token(session: Session) -> str:
    """Make an access token for the session, valid for `ACCESS_TOKEN_LIFETIME`."""
    token: str = create_access_token(
        str(session.user_id), additional_claims={"sid": str(session.id)}
    )
    return token


def refresh_token(session: Session) -> str:
    """Make the session's current refresh token, which is the same until it is rotated.

    It is derived from the row and the secret key. So several tabs that refresh at once get the same
    token, although the database keeps only hashes.
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
    """Hash a refresh token for storing; it is random, so it needs no salt and no slow hash."""
    return sha256(token.encode()).hexdigest()


def set_refresh_cookie(token: str) -> None:
    """Have the answer set the refresh cookie, which lives as long as the token."""

    @after_this_request
    def set_cookie(response: Response) -> Response:
        max_age = int(REFRESH_TOKEN_LIFETIME.total_seconds())
        set_refresh_cookies(response, token, max_age=max_age)
        return response


def clear_refresh_cookie() -> None:
    """Have the answer remove the refresh cookie."""

    @after_this_request
    def clear_cookie(response: Response) -> Response:
        response.delete_cookie(
            REFRESH_COOKIE,
            path=current_app.config["JWT_REFRESH_COOKIE_PATH"],
            secure=current_app.config["JWT_COOKIE_SECURE"],
            httponly=True,
            samesite="Strict",
        )
        return response
