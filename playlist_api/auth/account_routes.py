"""The user's own account and password."""

from http import HTTPStatus
from typing import Any

from flask import Blueprint, current_app

from playlist_api.api.arguments import body
from playlist_api.api.identity import (
    access_token_required,
    current_identity,
    current_session,
    current_user,
)
from playlist_api.api.responses import other_responses, preconditions, response
from playlist_api.auth import accounts
from playlist_api.auth.limits import rate_limit
from playlist_api.auth.schemas import (
    confirmation_schema,
    forgotten_password_schema,
    password_change_schema,
    password_reset_schema,
    profile_changes_schema,
    user_schema,
)
from playlist_api.auth.tokens import clear_refresh_cookie
from playlist_api.errors import Conflict

blueprint = Blueprint("account", __name__)


@blueprint.get("/me")
@access_token_required
@response(user_schema, etag=True)
def get_me() -> Any:
    """Read your account."""
    return accounts.find_account(current_identity())


@blueprint.patch("/me")
@access_token_required
@body(profile_changes_schema)
@preconditions(user_schema)
@response(user_schema, etag=True)
@other_responses(Conflict)
def change_me(changes: dict[str, Any], check: accounts.UserCheck) -> Any:
    """Change your name or e-mail.

    Fields left out keep their value. A new e-mail needs `currentPassword`; a wrong one is a 400 of
    that field, and an e-mail that has another account is a 409.
    """
    return accounts.change_profile(current_user(), changes, check)


@blueprint.delete("/me")
@access_token_required
@body(confirmation_schema)
@preconditions(user_schema)
@response(None, HTTPStatus.NO_CONTENT, headers=("Set-Cookie",))
@other_responses(Conflict)
def delete_me(confirmation: dict[str, str], check: accounts.UserCheck) -> None:
    """Delete your account with everything in it.

    This needs the password, because it cannot be undone. While the list is being imported, it is a
    409.
    """
    accounts.delete_account(current_user(), confirmation["current_password"], check)
    clear_refresh_cookie()


@blueprint.put("/auth/password")
@access_token_required
@body(password_change_schema)
@response(None, HTTPStatus.NO_CONTENT)
def change_password(passwords: dict[str, str]) -> None:
    """Change your password.

    All other sessions end. A wrong `currentPassword` is a 400 of that field.
    """
    accounts.change_password(current_user(), current_session(), **passwords)


@blueprint.post("/auth/password/forgot")
@rate_limit("forgot")
@body(forgotten_password_schema)
@response(None, HTTPStatus.ACCEPTED)
def forgot_password(forgotten: dict[str, Any]) -> None:
    """Ask for a mail with a link to set a new password.

    The response is the same whether the e-mail has an account or not.
    """
    page = f"{current_app.config['FRONTEND_URL']}/reset-password"
    accounts.request_reset(forgotten["email"], page)


@blueprint.post("/auth/password/reset")
@rate_limit("reset")
@body(password_reset_schema)
@response(None, HTTPStatus.NO_CONTENT)
def reset_password(reset: dict[str, str]) -> None:
    """Set a new password with the token from the mail.

    The token works once, within half an hour. All sessions end.
    """
    accounts.reset_password(**reset)
