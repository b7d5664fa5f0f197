"""The caller's own account."""

from contextlib import nullcontext
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response

from playlist_api.blueprints.answering import answer, attachment, failures, preconditions
from playlist_api.blueprints.loading import body
from playlist_api.errors import Conflict
from playlist_api.schemas.answers import export_answer, export_head, user_answer
from playlist_api.schemas.bodies import confirmation, profile_changes
from playlist_api.schemas.json import with_lists
from playlist_api.security.callers import (
    access_token_required,
    caller,
    current_session,
    current_user,
)
from playlist_api.security.throttling import guess
from playlist_api.security.tokens import take_back_refresh_token
from playlist_api.services import accounts, exports

blueprint = Blueprint("account", __name__, url_prefix="/me")


@blueprint.get("")
@access_token_required
@answer(user_answer, etag=True)
def get_me() -> Any:
    """Read one's account."""
    return accounts.find_account(caller())


@blueprint.patch("")
@access_token_required
@body(profile_changes)
@preconditions(user_answer)
@answer(user_answer, etag=True)
@failures(Conflict)
def change_me(changes: dict[str, Any], check: accounts.Check) -> Any:
    """Change one's name or e-mail.

    Fields left out keep their value. A new e-mail needs `currentPassword`; a wrong one is a 400 of
    that field, and an e-mail that has another account is a 409.
    """
    proving = guess(current_user().email) if "current_password" in changes else nullcontext()
    with proving:
        return accounts.change_profile(current_user(), changes, check)


@blueprint.delete("")
@access_token_required
@body(confirmation)
@preconditions(user_answer)
@answer(None, HTTPStatus.NO_CONTENT, headers=("Set-Cookie",))
@failures(Conflict)
def delete_me(confirmed: dict[str, str], check: accounts.Check) -> None:
    """Delete one's account with all that is in it.

    It cannot be undone, and so asks for the password. While the list is being imported, this is a
    409.
    """
    with guess(current_user().email):
        accounts.delete_account(current_user(), confirmed["current_password"], check)
    take_back_refresh_token()


@blueprint.get("/export")
@access_token_required
@answer(export_answer, headers=("Content-Disposition",))
def export_me() -> Response:
    """Take everything that is held on one, as a file.

    The movies are sent while they are read, oldest first.
    """
    exported = accounts.export(current_user(), current_session())
    content = with_lists(export_head.dump(exported), exported.lists)
    return attachment("playlist-export.json", "application/json", exports.within_share(content))
