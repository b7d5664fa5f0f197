"""Changing a password, and setting one anew that was forgotten: `/auth/password`."""

from http import HTTPStatus

from flask import Blueprint, Response, current_app
from flask_jwt_extended import current_user

from playlist_api.blueprints.loading import load_body
from playlist_api.schemas.bodies import forgotten_password, password_change, password_reset
from playlist_api.security.throttling import charge, guess, throttled
from playlist_api.security.tokens import access_token_required, current_session
from playlist_api.services import accounts, password_resets

blueprint = Blueprint("passwords", __name__, url_prefix="/auth/password")


@blueprint.put("")
@access_token_required
def change() -> Response:
    passwords = load_body(password_change)
    with guess(current_user.email):
        accounts.change_password(
            current_user,
            current_session(),
            passwords["current_password"],
            passwords["new_password"],
        )
    return Response(status=HTTPStatus.NO_CONTENT)


@blueprint.post("/forgot")
@throttled("forgot")
def forgot() -> Response:
    email = load_body(forgotten_password)["email"]
    charge("forgot", email)
    password_resets.request_reset(email, f"{current_app.config['FRONTEND_URL']}/reset-password")
    return Response(status=HTTPStatus.ACCEPTED)


@blueprint.post("/reset")
@throttled("reset")
def reset() -> Response:
    password_resets.reset_password(**load_body(password_reset))
    return Response(status=HTTPStatus.NO_CONTENT)
