"""Issuing access and refresh tokens, and the cookie that carries the refresh token."""

from datetime import timedelta
from hashlib import sha256
from typing import Any

from flask import Flask, Response, after_this_request, current_app
from flask_jwt_extended import JWTManager, create_access_token, create_refresh_token

from playlist_api.api.identity import REFRESH_COOKIE
from playlist_api.db.models import Session

ACCESS_TOKEN_LIFETIME = timedelta(minutes=15)
REFRESH_TOKEN_LIFETIME = timedelta(days=7)


def init_app(app: Flask) -> None:
    """Configure Flask-JWT-Extended, which signs with the application's secret key."""
    app.config.from_mapping(
        JWT_ACCESS_TOKEN_EXPIRES=ACCESS_TOKEN_LIFETIME,
        JWT_COOKIE_CSRF_PROTECT=False,  # or it adds a random claim; SameSite and `Origin` protect
        JWT_ENCODE_NBF=False,
    )
    JWTManager(app)


def access_token(session: Session) -> str:
    """Issue an access token for the session's user, valid for `ACCESS_TOKEN_LIFETIME`."""
    claims = {"sid": str(session.id)}
    token: str = create_access_token(str(session.user_id), additional_claims=claims)
    return token


def refresh_token(session: Session) -> str:
    """Return the session's current refresh token, which is the same until the next rotation.

    Every claim comes from the row, so that the token can be computed again from the row and the
    secret key. That is how several tabs that refresh at once get one token, although the database
    keeps only hashes.
    """
    claims: dict[str, Any] = {
        "sid": str(session.id),
        "jti": session.replaced_token_hash or str(session.id),
        "iat": session.rotated_at,
        "exp": session.expires_at,
    }
    token: str = create_refresh_token(str(session.user_id), additional_claims=claims)
    return token


def token_hash(token: str) -> str:
    """Hash a token for storage. It is random enough to need neither a salt nor a slow hash."""
    return sha256(token.encode()).hexdigest()


def set_refresh_cookie(token: str) -> None:
    """Send the refresh token with the response to this request, in a cookie for `/auth` alone."""
    _send_cookie(token, REFRESH_TOKEN_LIFETIME)


def clear_refresh_cookie() -> None:
    """Delete the browser's refresh token with the response to this request."""
    _send_cookie("", timedelta(0))


def _send_cookie(value: str, max_age: timedelta) -> None:
    @after_this_request
    def set_cookie(response: Response) -> Response:
        response.set_cookie(
            REFRESH_COOKIE,
            value,
            max_age,
            path="/auth",
            secure=current_app.config["APP_ENV"] == "production",
            httponly=True,
            samesite="Strict",
        )
        return response
