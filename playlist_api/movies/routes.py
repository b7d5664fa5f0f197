"""The caller's list of movies."""

from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

from flask import Blueprint
from werkzeug.routing import IntegerConverter

from playlist_api.api.arguments import body, idempotency_key, query
from playlist_api.api.identity import access_token_required, current_identity, current_user
from playlist_api.api.responses import other_responses, preconditions, response
from playlist_api.errors import Conflict, Forbidden, NotFound
from playlist_api.movies import pages as lists
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
"""Bytes: a picture of 2 MiB in base64, and more than the 1 MiB that all other calls have."""


KEPT = ("search", "year", "sort")
"""The parameters that a link to another page has as well, besides the limit."""

RELATIONS = {"next": "next", "previous": "prev"}
"""What https://www.iana.org/assignments/link-relations calls them."""


class MovieId(IntegerConverter):
    """An id as it is written in a URL: Werkzeug's own converter would take Arabic digits too."""

    regex = "(?:0|[1-9][0-9]{0,99})"


@blueprint.get("")
@access_token_required
@query(page_query_schema)
@response(movie_page_schema, headers=("Link",))
def list_movies(wanted: dict[str, Any]) -> Any:
    """List one's movies, or find some.

    Newest first, by `createdAt` and then `id`, unless `sort` says otherwise; movies with the same
    key are in the order of their ids. Titles are sorted by their letters and digits, whatever their
    case, accents and punctuation. `search` finds titles that have all its words, the last of which
    may be the beginning of one; `%` and `_` are words of their own. A page past the end is empty,
    with a true `meta`.

    The `Link` of a page leads to the next one by a `cursor`, a place in the list: whatever is
    added or deleted meanwhile, no other movie is skipped or comes twice, and a page deep in a long
    list takes no longer than the first. Who asks for more than a `page` and a `limit` has both
    cursors in `meta` too, and a `Link` back.
    """
    page, cursors = lists.list_movies(current_identity(), wanted)
    return page, _links(wanted, cursors)


def _links(wanted: dict[str, Any], cursors: lists.Cursors) -> dict[str, str]:
    kept = {name: wanted[name] for name in KEPT if name in wanted}
    query = f"limit={wanted['limit']}" + (f"&{urlencode(kept, quote_via=quote)}" if kept else "")
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
    """Put a movie on the list.

    With an `Idempotency-Key` the call is safe to repeat for a day: the same key and movie get the
    first answer again, and the list gets no second movie. Another movie with that key is a 409.
    So is any when the list is full, or is being imported; then `Retry-After` says when to repeat.
    A picture that comes as a `data:` URL in `imageUrl` is kept, and the answer has its URL.
    """
    movie = movies.add_movie(current_identity(), fields, key)
    return movie, {"Location": f"/movies/{movie['id']}"}


@blueprint.get("/<movie_id:movie_id>")
@access_token_required
@response(movie_schema, etag=True)
@other_responses(NotFound, Forbidden)
def get_movie(movie_id: int) -> Any:
    """Read a movie."""
    return movies.read_movie(current_identity(), movie_id)


@blueprint.route("/<movie_id:movie_id>", methods=["PUT", "PATCH"])
@access_token_required
@body(movie_changes_schema, MAX_MOVIE_BODY)
@preconditions(movie_schema)
@response(movie_schema, etag=True)
@other_responses(NotFound, Forbidden, Conflict)
def change_movie(changes: dict[str, Any], check: movies.Check, movie_id: int) -> Any:
    """Change a movie.

    `PUT` and `PATCH` are the same: fields left out keep their value, and `null` clears `year` and
    `imageUrl`. A fetched movie can be put back whole. A picture that comes as a `data:` URL in
    `imageUrl` is kept, and the answer has its URL. While the list is being imported, this is a 409.
    """
    return movies.change_movie(current_user(), movie_id, changes, check)


@blueprint.delete("/<movie_id:movie_id>")
@access_token_required
@preconditions(movie_schema)
@response(None, HTTPStatus.NO_CONTENT)
@other_responses(NotFound, Forbidden, Conflict)
def delete_movie(check: movies.Check, movie_id: int) -> None:
    """Take a movie off the list.

    While the list is being imported, this is a 409.
    """
    movies.delete_movie(current_user(), movie_id, check)
