"""Changing a password, and setting one anew that was forgotten."""

from http import HTTPStatus
from typing import Any

from flask import Blueprint, current_app

from playlist_api.blueprints.answering import answer
from playlist_api.blueprints.loading import body
from playlist_api.schemas.bodies import forgotten_password, password_change, password_reset
from playlist_api.security.callers import access_token_required, current_session, current_user
from playlist_api.security.throttling import charge, guess, throttled
from playlist_api.services import accounts, password_resets

blueprint = Blueprint("passwords", __name__, url_prefix="/auth/password")


@blueprint.put("")
@access_token_required
@body(password_change)
@answer(None, HTTPStatus.NO_CONTENT)
def change_password(passwords: dict[str, str]) -> None:
    """Change the password.

    All other sessions end. A wrong `currentPassword` is a 400 of that field.
    """
    with guess(current_user().email):
        accounts.change_password(
            current_user(),
            current_session(),
            passwords["current_password"],
            passwords["new_password"],
        )


@blueprint.post("/forgot")
@throttled("forgot")
@body(forgotten_password)
@answer(None, HTTPStatus.ACCEPTED)
def forgot_password(forgotten: dict[str, Any]) -> None:
    """Ask for a mail with a link to set a new password.

    The answer is the same whether the e-mail has an account or not.
    """
    email = forgotten["email"]
    charge("forgot", email)
    password_resets.request_reset(email, f"{current_app.config['FRONTEND_URL']}/reset-password")


@blueprint.post("/reset")
@throttled("reset")
@body(password_reset)
@answer(None, HTTPStatus.NO_CONTENT)
def reset_password(reset: dict[str, str]) -> None:
    """Set a new password with the token that was mailed.

    It works once, within half an hour. All sessions end.
    """
    password_resets.reset_password(**reset)
