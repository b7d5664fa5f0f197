"""The caller's own account: `/me`."""

import json
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from typing import Any

from flask import Blueprint, Response
from flask_jwt_extended import current_user

from playlist_api.blueprints.loading import load_body
from playlist_api.models import Movie
from playlist_api.schemas.answers import export_answer, movie_answer, user_answer
from playlist_api.schemas.bodies import confirmation, profile_changes
from playlist_api.security.throttling import guess
from playlist_api.security.tokens import (
    access_token_required,
    current_session,
    without_refresh_cookie,
)
from playlist_api.services import accounts

blueprint = Blueprint("account", __name__, url_prefix="/me")


@blueprint.get("")
@access_token_required
def show() -> Any:
    return user_answer.dump(current_user)


@blueprint.patch("")
@access_token_required
def update() -> Any:
    changes = load_body(profile_changes)
    proving = guess(current_user.email) if "current_password" in changes else nullcontext()
    with proving:
        return user_answer.dump(accounts.change_profile(current_user, changes))


@blueprint.delete("")
@access_token_required
def delete() -> Response:
    password = load_body(confirmation)["current_password"]
    with guess(current_user.email):
        accounts.delete_account(current_user, password)
    return without_refresh_cookie()


@blueprint.get("/export")
@access_token_required
def export() -> Response:
    exported = accounts.export(current_user, current_session())
    # What is small is written at once; the movies follow while they are read.
    head = json.dumps(export_answer.dump(exported)).removesuffix("}")
    answer = Response(_with_movies(head, exported.movies), mimetype="application/json")
    answer.headers["Content-Disposition"] = 'attachment; filename="playlist-export.json"'
    return answer


def _with_movies(head: str, movies: Iterable[Movie]) -> Iterator[str]:
    yield f'{head}, "movies": ['
    for number, movie in enumerate(movies):
        yield (",\n" if number else "\n") + json.dumps(movie_answer.dump(movie))
    yield "]}\n"
