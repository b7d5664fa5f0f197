"""Sign-up, login, refresh and logout; the user's sessions, one for each device."""

from http import HTTPStatus
from typing import Any
from uuid import UUID

from flask import Blueprint, current_app, request

from playlist_api.api.arguments import body, user_agent
from playlist_api.api.identity import (
    REFRESH_COOKIE,
    access_token_required,
    check_first,
    current_identity,
    current_session,
    current_user,
    presented_sessions,
    refresh_cookie_required,
    tokens_accepted,
)
from playlist_api.api.operations import View
from playlist_api.api.responses import other_responses, response
from playlist_api.auth import service
from playlist_api.auth.limits import rate_limit
from playlist_api.auth.schemas import (
    log_in_schema,
    session_list_schema,
    sign_up_schema,
    signed_in_schema,
)
from playlist_api.auth.tokens import clear_refresh_cookie, set_refresh_cookie
from playlist_api.errors import Conflict, Forbidden, NotFound, ServiceUnavailable, Unauthorized
from playlist_api.ops.logs import record_event

blueprint = Blueprint("auth", __name__, url_prefix="/auth")


def allowed_origin_required(view: View) -> View:
    """Refuse calls that a browser makes for a page of a foreign origin.

    Requests without `Origin` pass: every browser sends it with a POST (OWASP, Cross-Site Request
    Forgery Prevention Cheat Sheet, on verifying origins).

    :raises Forbidden: for an `Origin` that is neither configured nor that of the page at `/docs`.
    """
    return check_first(view, _check_origin, 403)


def _check_origin() -> None:
    origin = request.headers.get("Origin")
    own = f"{request.scheme}://{request.host}" if current_app.config["DOCS_ENABLED"] else None
    if origin not in {None, own, *current_app.config["CORS_ORIGINS"]}:
        record_event("foreign_origin_refused", origin=origin)
        raise Forbidden("This page may not use your session.")


@blueprint.post("/signup")
@rate_limit("signup")
@body(sign_up_schema)
@response(signed_in_schema, HTTPStatus.CREATED, headers=("Set-Cookie",))
@other_responses(Conflict)
def sign_up(account: dict[str, Any]) -> Any:
    """Create an account and sign in.

    The refresh token comes in the cookie `refreshToken`. An e-mail that has an account is a 409.
    """
    return _signed_in(service.sign_up(**account, user_agent=user_agent()))


@blueprint.post("/login")
@body(log_in_schema)
@response(signed_in_schema, headers=("Set-Cookie",))
@other_responses(Unauthorized, ServiceUnavailable)
def log_in(credentials: dict[str, Any]) -> Any:
    """Sign in.

    The refresh token comes in the cookie `refreshToken`. A wrong e-mail and a wrong password get
    the same response.
    """
    return _signed_in(service.log_in(**credentials, user_agent=user_agent()))


@blueprint.post("/refresh")
@rate_limit("refresh")
@allowed_origin_required
@refresh_cookie_required
@response(signed_in_schema, headers=("Set-Cookie",))
def refresh() -> Any:
    """Exchange the refresh token for new tokens.

    Each refresh token works once. For 10 seconds after that, it still gets the token that replaced
    it, so that several tabs can refresh at once. An older token ends its session. Pages must have
    an allowed `Origin`.
    """
    token = request.cookies[REFRESH_COOKIE]
    return _signed_in(service.refresh(current_identity(), token, user_agent()))


@blueprint.post("/logout")
@allowed_origin_required
@tokens_accepted
@response(None, HTTPStatus.NO_CONTENT, headers=("Set-Cookie",))
def log_out() -> None:
    """End the session.

    The session of the access token, of the cookie, or of both ends. Expired tokens still end their
    session, and a call with no session to end succeeds too. Pages must have an allowed `Origin`.
    """
    service.log_out(presented_sessions())
    clear_refresh_cookie()


@blueprint.get("/sessions")
@access_token_required
@response(session_list_schema)
def list_sessions() -> Any:
    """List your active sessions.

    Newest first. `lastUsedAt` is when a session was last refreshed.
    """
    sessions = service.list_sessions(current_user(), current_session())
    return session_list_schema.dump({"items": sessions})


@blueprint.delete("/sessions")
@access_token_required
@response(None, HTTPStatus.NO_CONTENT)
def end_other_sessions() -> None:
    """End all sessions but this one."""
    service.end_other_sessions(current_user(), current_session())


@blueprint.delete("/sessions/<uuid:session_id>")
@access_token_required
@response(None, HTTPStatus.NO_CONTENT, headers=("Set-Cookie",))
@other_responses(NotFound)
def end_session(session_id: UUID) -> None:
    """End one session.

    Its tokens stop working at once. Ending the current session is a logout.
    """
    service.end_session(current_user(), session_id)
    # Ending another device's session leaves this browser its cookie.
    if session_id == current_session():
        clear_refresh_cookie()


def _signed_in(signed_in: service.SignedIn) -> dict[str, Any]:
    request.environ["REMOTE_USER"] = signed_in.user["id"]
    set_refresh_cookie(signed_in.refresh_token)
    return {"user": signed_in.user, "accessToken": signed_in.access_token}
