"""Changing a password, and setting one anew that was forgotten."""

from http import HTTPStatus
from typing import Any

from flask import Blueprint, current_app

from playlist_api.api.arguments import body
from playlist_api.api.identity import access_token_required, current_session, current_user
from playlist_api.api.responses import response
from playlist_api.auth import accounts, password_resets
from playlist_api.auth.limits import hit, limit_failed_logins, throttled
from playlist_api.auth.schemas import (
    forgotten_password_schema,
    password_change_schema,
    password_reset_schema,
)

blueprint = Blueprint("passwords", __name__, url_prefix="/auth/password")


@blueprint.put("")
@access_token_required
@body(password_change_schema)
@response(None, HTTPStatus.NO_CONTENT)
def change_password(passwords: dict[str, str]) -> None:
    """Change the password.

    All other sessions end. A wrong `currentPassword` is a 400 of that field.
    """
    with limit_failed_logins(current_user().email):
        accounts.change_password(
            current_user(),
            current_session(),
            passwords["current_password"],
            passwords["new_password"],
        )


@blueprint.post("/forgot")
@throttled("forgot")
@body(forgotten_password_schema)
@response(None, HTTPStatus.ACCEPTED)
def forgot_password(forgotten: dict[str, Any]) -> None:
    """Ask for a mail with a link to set a new password.

    The answer is the same whether the e-mail has an account or not.
    """
    email = forgotten["email"]
    hit("forgot", email)
    password_resets.request_reset(email, f"{current_app.config['FRONTEND_URL']}/reset-password")


@blueprint.post("/reset")
@throttled("reset")
@body(password_reset_schema)
@response(None, HTTPStatus.NO_CONTENT)
def reset_password(reset: dict[str, str]) -> None:
    """Set a new password with the token that was mailed.

    It works once, within half an hour. All sessions end.
    """
    password_resets.reset_password(**reset)
