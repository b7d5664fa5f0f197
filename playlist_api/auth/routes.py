"""Signing up, logging in and out, and refreshing."""

from http import HTTPStatus
from typing import Any

from flask import Blueprint, request

from playlist_api.api import identity as callers
from playlist_api.api.arguments import body, user_agent
from playlist_api.api.identity import (
    REFRESH_COOKIE,
    current_session,
    current_user,
    refresh_cookie_required,
    tokens_accepted,
)
from playlist_api.api.responses import other_responses, response
from playlist_api.auth import service as auth
from playlist_api.auth import sessions, tokens
from playlist_api.auth.limits import limit_failed_logins, throttled
from playlist_api.auth.origins import allowed_origin_required
from playlist_api.auth.schemas import log_in_schema, sign_up_schema, signed_in_schema
from playlist_api.errors import Conflict, ServiceUnavailable, TooManyRequests, Unauthorized

blueprint = Blueprint("auth", __name__, url_prefix="/auth")


@blueprint.post("/signup")
@throttled("signup")
@body(sign_up_schema)
@response(signed_in_schema, HTTPStatus.CREATED, headers=("Set-Cookie",))
@other_responses(Conflict)
def sign_up(account: dict[str, Any]) -> Any:
    """Make an account and sign in.

    The refresh token comes in the cookie `refreshToken`. An e-mail that has an account is a 409.
    """
    return _signed_in(auth.sign_up(**account, user_agent=user_agent()))


@blueprint.post("/login")
@body(log_in_schema)
@response(signed_in_schema, headers=("Set-Cookie",))
@other_responses(Unauthorized, TooManyRequests, ServiceUnavailable)
def log_in(credentials: dict[str, Any]) -> Any:
    """Sign in.

    The refresh token comes in the cookie `refreshToken`. A wrong e-mail and a wrong password get
    one answer.
    """
    with limit_failed_logins(credentials["email"]):
        return _signed_in(auth.log_in(**credentials, user_agent=user_agent()))


@blueprint.post("/refresh")
@throttled("refresh")
@allowed_origin_required
@refresh_cookie_required
@response(signed_in_schema, headers=("Set-Cookie",))
def refresh() -> Any:
    """Exchange the refresh token for new tokens.

    Each refresh token works once; for 10 seconds after, it still gets the token that replaced it,
    so that several tabs can refresh at once. An older one ends its session. Pages must have an
    allowed `Origin`.
    """
    presented = request.cookies[REFRESH_COOKIE]
    return _signed_in(sessions.refresh(current_user(), current_session(), presented, user_agent()))


@blueprint.post("/logout")
@allowed_origin_required
@tokens_accepted
@response(None, HTTPStatus.NO_CONTENT, headers=("Set-Cookie",))
def log_out() -> None:
    """End the session.

    Of the access token, of the cookie, or of both; with nothing to end, that is fine too. Tokens
    that have expired still end their session. Pages must have an allowed `Origin`.
    """
    sessions.end_presented_sessions(callers.presented_sessions())
    tokens.clear_refresh_cookie()


def _signed_in(signed_in: sessions.SignedIn) -> dict[str, Any]:
    request.environ["REMOTE_USER"] = signed_in.user["id"]
    tokens.set_refresh_cookie(signed_in.refresh_token)
    return {"user": signed_in.user, "accessToken": signed_in.access_token}
