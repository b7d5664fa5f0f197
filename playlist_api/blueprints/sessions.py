"""The caller's sessions, one for each device that is signed in: `/auth/sessions`."""

from http import HTTPStatus
from typing import Any
from uuid import UUID

from flask import Blueprint, Response
from flask_jwt_extended import current_user

from playlist_api.schemas.answers import session_list_answer
from playlist_api.security.tokens import (
    access_token_required,
    current_session,
    without_refresh_cookie,
)
from playlist_api.services import sessions

blueprint = Blueprint("sessions", __name__, url_prefix="/auth/sessions")


@blueprint.get("")
@access_token_required
def index() -> Any:
    return session_list_answer.dump(sessions.list_sessions(current_user, current_session()))


@blueprint.delete("")
@access_token_required
def delete_others() -> Response:
    sessions.end_other_sessions(current_user, current_session())
    return Response(status=HTTPStatus.NO_CONTENT)


@blueprint.delete("/<uuid:session_id>")
@access_token_required
def delete(session_id: UUID) -> Response:
    sessions.end_session(current_user, session_id)
    # A browser that ends its own session is logged out; one that ends another keeps its cookie.
    if session_id == current_session():
        return without_refresh_cookie()
    return Response(status=HTTPStatus.NO_CONTENT)
