"""The caller's list of movies over HTTP."""

from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

from flask import Blueprint
from werkzeug.routing import IntegerConverter

from playlist_api.api.arguments import body, idempotency_key, query
from playlist_api.api.identity import access_token_required, current_identity
from playlist_api.api.responses import other_responses, preconditions, response
from playlist_api.errors import Conflict, Forbidden, NotFound
from playlist_api.movies import service as movies
from playlist_api.movies.schemas import (
    movie_changes_schema,
    movie_page_schema,
    movie_schema,
    new_movie_schema,
    page_query_schema,
)

blueprint = Blueprint("movies", __name__, url_prefix="/movies")

MAX_MOVIE_BODY = 4 * 1024 * 1024
"""Bytes: a picture of 2 MiB in base64 and the other fields."""

RELATIONS = {"next": "next", "previous": "prev"}
"""Link relations: https://www.iana.org/assignments/link-relations"""


class MovieId(IntegerConverter):
    """A movie's id in a URL. Werkzeug's own converter would accept other scripts' digits too."""

    regex = "(?:0|[1-9][0-9]{0,99})"


@blueprint.get("")
@access_token_required
@query(page_query_schema)
@response(movie_page_schema, headers=("Link",))
def list_movies(wanted: dict[str, Any]) -> Any:
    """List your movies, or search them.

    The newest come first unless `sort` says otherwise; movies with equal keys are ordered by id.
    Titles are sorted by their letters and digits; case, accents and punctuation do not count.

    `Link` has a `cursor` for the next page. With cursors, no movie is skipped or repeated when
    others are added or deleted meanwhile, and deep pages are as fast as the first. With any
    parameter besides `page` and `limit`, `meta` has both cursors too, and `Link` also leads back.
    """
    page, cursors = movies.read_page(current_identity(), wanted)
    return page, _links(wanted, cursors)


def _links(wanted: dict[str, Any], cursors: dict[str, str | None]) -> dict[str, str]:
    kept = {name: value for name, value in wanted.items() if name not in ("page", "cursor")}
    query = urlencode(kept, quote_via=quote)
    links = [
        f'</movies?cursor={cursor}&{query}>; rel="{RELATIONS[name]}"'
        for name, cursor in cursors.items()
        if cursor
    ]
    return {"Link": ", ".join(links)} if links else {}


@blueprint.post("")
@access_token_required
@body(new_movie_schema, MAX_MOVIE_BODY)
@idempotency_key
@response(movie_schema, HTTPStatus.CREATED, etag=True, headers=("Location",))
def add_movie(fields: dict[str, Any], key: str | None) -> Any:
    """Add a movie to your list.

    With an `Idempotency-Key`, the call is safe to repeat for a day: it adds nothing and returns the
    first answer. The same key with another movie is a 409. So is a full list, or one that is being
    imported; then `Retry-After` says when to try again.
    Send a picture as a `data:` URL in `imageUrl`: the service keeps it and answers with its URL.
    """
    movie = movies.create_movie(current_identity(), fields, key)
    return movie, {"Location": f"/movies/{movie['id']}"}


@blueprint.get("/<movie_id:movie_id>")
@access_token_required
@response(movie_schema, etag=True)
@other_responses(NotFound, Forbidden)
def get_movie(movie_id: int) -> Any:
    """Get a movie."""
    return movies.read_movie(current_identity(), movie_id)


@blueprint.route("/<movie_id:movie_id>", methods=["PUT", "PATCH"])
@access_token_required
@body(movie_changes_schema, MAX_MOVIE_BODY)
@preconditions(movie_schema)
@response(movie_schema, etag=True)
@other_responses(NotFound, Forbidden, Conflict)
def change_movie(changes: dict[str, Any], check: movies.MovieCheck, movie_id: int) -> Any:
    """Change a movie.

    `PUT` and `PATCH` do the same: fields left out keep their value, and `null` clears `year` and
    `imageUrl`. A movie can be sent back as it was read. Send a picture as a `data:` URL in
    `imageUrl`: the service keeps it and answers with its URL. While the list is being imported,
    the answer is a 409.
    """
    return movies.update_movie(current_identity(), movie_id, changes, check)


@blueprint.delete("/<movie_id:movie_id>")
@access_token_required
@preconditions(movie_schema)
@response(None, HTTPStatus.NO_CONTENT)
@other_responses(NotFound, Forbidden, Conflict)
def delete_movie(check: movies.MovieCheck, movie_id: int) -> None:
    """Delete a movie.

    While the list is being imported, the answer is a 409.
    """
    movies.remove_movie(current_identity(), movie_id, check)
