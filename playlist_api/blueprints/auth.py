"""Signing up, logging in and out, and refreshing: `/auth`."""

from http import HTTPStatus

from flask import Blueprint, Response, g, jsonify, request
from flask_jwt_extended import current_user

from playlist_api.blueprints.loading import load_body, user_agent
from playlist_api.schemas.answers import signed_in_answer
from playlist_api.schemas.bodies import log_in_body, sign_up_body
from playlist_api.security import tokens
from playlist_api.security.origins import allowed_origin_required
from playlist_api.security.throttling import guess, throttled
from playlist_api.security.tokens import current_session, refresh_cookie_required
from playlist_api.services import auth, sessions

blueprint = Blueprint("auth", __name__, url_prefix="/auth")


@blueprint.post("/signup")
@throttled("signup")
def sign_up() -> tuple[Response, HTTPStatus]:
    account = load_body(sign_up_body)
    return _signed_in(auth.sign_up(**account, user_agent=user_agent())), HTTPStatus.CREATED


@blueprint.post("/login")
def log_in() -> Response:
    credentials = load_body(log_in_body)
    with guess(credentials["email"]):
        return _signed_in(auth.log_in(**credentials, user_agent=user_agent()))


@blueprint.post("/refresh")
@throttled("refresh")
@allowed_origin_required
@refresh_cookie_required
def refresh() -> Response:
    presented = request.cookies[tokens.REFRESH_COOKIE]
    return _signed_in(sessions.refresh(current_user, current_session(), presented, user_agent()))


@blueprint.post("/logout")
@allowed_origin_required
def log_out() -> Response:
    sessions.end_presented_sessions(tokens.presented_sessions())
    return tokens.without_refresh_cookie()


def _signed_in(signed_in: sessions.SignedIn) -> Response:
    g.user_id = signed_in.user.id
    answer = jsonify(signed_in_answer.dump(signed_in))
    tokens.set_refresh_cookie(answer, signed_in.refresh_token)
    return answer
