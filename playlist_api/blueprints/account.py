"""The caller's own account: `/me`."""

from typing import Any

from flask import Blueprint
from flask_jwt_extended import current_user

from playlist_api.schemas.answers import user_answer
from playlist_api.security.tokens import access_token_required

blueprint = Blueprint("account", __name__, url_prefix="/me")


@blueprint.get("")
@access_token_required
def show() -> Any:
    return user_answer.dump(current_user)
