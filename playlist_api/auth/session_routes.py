"""The caller's sessions, one for each device that is signed in."""

from http import HTTPStatus
from typing import Any
from uuid import UUID

from flask import Blueprint

from playlist_api.api.identity import access_token_required, current_session, current_user
from playlist_api.api.responses import other_responses, response
from playlist_api.auth import sessions
from playlist_api.auth.schemas import session_list_schema
from playlist_api.auth.tokens import clear_refresh_cookie
from playlist_api.errors import NotFound

blueprint = Blueprint("sessions", __name__, url_prefix="/auth/sessions")


@blueprint.get("")
@access_token_required
@response(session_list_schema)
def list_sessions() -> Any:
    """List the sessions that are alive.

    Newest first. `lastUsedAt` is when a session was last refreshed.
    """
    return sessions.list_sessions(current_user(), current_session())


@blueprint.delete("")
@access_token_required
@response(None, HTTPStatus.NO_CONTENT)
def end_other_sessions() -> None:
    """End all sessions but this one."""
    sessions.end_other_sessions(current_user(), current_session())


@blueprint.delete("/<uuid:session_id>")
@access_token_required
@response(None, HTTPStatus.NO_CONTENT, headers=("Set-Cookie",))
@other_responses(NotFound)
def end_session(session_id: UUID) -> None:
    """End one session.

    Its tokens are good for nothing from then on. Ending the current one is a logout.
    """
    sessions.end_session(current_user(), session_id)
    # A browser that ends its own session is logged out; one that ends another keeps its cookie.
    if session_id == current_session():
        clear_refresh_cookie()
