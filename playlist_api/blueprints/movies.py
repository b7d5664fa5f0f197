"""The caller's list of movies: `/movies`."""

from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, url_for
from flask_jwt_extended import current_user
from werkzeug.routing import IntegerConverter

from playlist_api.blueprints.loading import load_body, load_query
from playlist_api.schemas.answers import movie_answer, movie_page_answer
from playlist_api.schemas.bodies import movie_body, movie_changes, page_query
from playlist_api.security.tokens import access_token_required
from playlist_api.services import movies

blueprint = Blueprint("movies", __name__, url_prefix="/movies")


class MovieId(IntegerConverter):
    """An id as it is written in a URL: Werkzeug's own converter would take Arabic digits too."""

    regex = "(?:0|[1-9][0-9]{0,99})"


@blueprint.get("")
@access_token_required
def index() -> Any:
    return movie_page_answer.dump(movies.list_movies(current_user, **load_query(page_query)))


@blueprint.post("")
@access_token_required
def create() -> tuple[Any, HTTPStatus, dict[str, str]]:
    movie = movies.add_movie(current_user, load_body(movie_body))
    location = url_for(".show", movie_id=movie.id)
    return movie_answer.dump(movie), HTTPStatus.CREATED, {"Location": location}


@blueprint.get("/<movie_id:movie_id>")
@access_token_required
def show(movie_id: int) -> Any:
    return movie_answer.dump(movies.find_movie(current_user, movie_id))


@blueprint.route("/<movie_id:movie_id>", methods=["PUT", "PATCH"])
@access_token_required
def update(movie_id: int) -> Any:
    return movie_answer.dump(movies.change_movie(current_user, movie_id, load_body(movie_changes)))


@blueprint.delete("/<movie_id:movie_id>")
@access_token_required
def delete(movie_id: int) -> Response:
    movies.delete_movie(current_user, movie_id)
    return Response(status=HTTPStatus.NO_CONTENT)
