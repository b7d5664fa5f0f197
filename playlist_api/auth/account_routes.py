"""The caller's own account."""

from contextlib import nullcontext
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response

from playlist_api.api.arguments import body
from playlist_api.api.identity import (
    access_token_required,
    current_identity,
    current_session,
    current_user,
)
from playlist_api.api.json import with_lists
from playlist_api.api.responses import attachment, other_responses, preconditions, response
from playlist_api.auth import accounts
from playlist_api.auth.limits import limit_failed_logins
from playlist_api.auth.schemas import confirmation_schema, profile_changes_schema, user_schema
from playlist_api.auth.tokens import clear_refresh_cookie
from playlist_api.errors import Conflict
from playlist_api.transfer import exports
from playlist_api.transfer.schemas import export_head_schema, export_schema

blueprint = Blueprint("account", __name__, url_prefix="/me")


@blueprint.get("")
@access_token_required
@response(user_schema, etag=True)
def get_me() -> Any:
    """Read one's account."""
    return accounts.find_account(current_identity())


@blueprint.patch("")
@access_token_required
@body(profile_changes_schema)
@preconditions(user_schema)
@response(user_schema, etag=True)
@other_responses(Conflict)
def change_me(changes: dict[str, Any], check: accounts.Check) -> Any:
    """Change one's name or e-mail.

    Fields left out keep their value. A new e-mail needs `currentPassword`; a wrong one is a 400 of
    that field, and an e-mail that has another account is a 409.
    """
    proving = (
        limit_failed_logins(current_user().email)
        if "current_password" in changes
        else nullcontext()
    )
    with proving:
        return accounts.change_profile(current_user(), changes, check)


@blueprint.delete("")
@access_token_required
@body(confirmation_schema)
@preconditions(user_schema)
@response(None, HTTPStatus.NO_CONTENT, headers=("Set-Cookie",))
@other_responses(Conflict)
def delete_me(confirmed: dict[str, str], check: accounts.Check) -> None:
    """Delete one's account with all that is in it.

    It cannot be undone, and so asks for the password. While the list is being imported, this is a
    409.
    """
    with limit_failed_logins(current_user().email):
        accounts.delete_account(current_user(), confirmed["current_password"], check)
    clear_refresh_cookie()


@blueprint.get("/export")
@access_token_required
@response(export_schema, headers=("Content-Disposition",))
def export_me() -> Response:
    """Take everything that is held on one, as a file.

    The movies are sent while they are read, oldest first.
    """
    exported = accounts.export(current_user(), current_session())
    content = with_lists(export_head_schema.dump(exported), exported.lists)
    return attachment("playlist-export.json", "application/json", exports.within_share(content))
