"""Lists as files: importing movies, and exporting a list or a whole account."""

from typing import Any

from flask import Blueprint, Response

from playlist_api.api.arguments import query
from playlist_api.api.identity import (
    access_token_required,
    current_identity,
    current_session,
    current_user,
)
from playlist_api.api.json import with_lists
from playlist_api.api.responses import attachment, other_responses, response
from playlist_api.errors import Conflict
from playlist_api.transfer import service
from playlist_api.transfer.readers import Row
from playlist_api.transfer.schemas import (
    export_query_schema,
    export_schema,
    import_query_schema,
    import_report_schema,
    list_schema,
    movie_file_schema,
)
from playlist_api.transfer.uploads import upload

blueprint = Blueprint("lists", __name__)


@blueprint.post("/movies/import")
@access_token_required
@query(import_query_schema)
@upload(movie_file_schema)
@response(import_report_schema)
@other_responses(Conflict)
def import_movies(wanted: dict[str, bool], content: bytes) -> Response:
    """Add the movies in a file that are not on the list yet.

    Send the file as the part `file` of a form, or as the body itself: an export from Letterboxd,
    IMDb, Movary, Yamtrack or this service, or any CSV file with a column `title`. Either all new
    movies are added, or, with `dryRun` or after an error, none. Movies with the same title and year
    are the same movie; case, accents, spaces and punctuation do not matter. So the call can be
    repeated safely. When the list is full, the remaining rows are refused. While another import has
    the list, the answer is a 409.
    """
    file = service.import_file(current_identity(), content, dry_run=wanted["dry_run"])
    head = {"dryRun": wanted["dry_run"], "format": file.format, "totals": file.totals}
    report = with_lists(head, {"rows": map(_as_json, file.rows)})
    return Response(report, mimetype="application/json")


def _as_json(row: Row) -> dict[str, Any]:
    return {
        "line": row.line,
        "outcome": row.outcome,
        "title": row.movie["title"],
        "year": row.movie["year"],
        "movieId": row.movie_id,
        "reason": row.reason,
    }


@blueprint.get("/movies/export")
@access_token_required
@query(export_query_schema)
@response(list_schema, headers=("Content-Disposition",), also=("text/csv",))
def export_movies(wanted: dict[str, str]) -> Response:
    """Download the list as a file, oldest movie first.

    The file can be imported again. It is sent while it is read from the database.
    """
    return attachment(*service.export_list(current_user(), wanted["format"]))


@blueprint.get("/me/export")
@access_token_required
@response(export_schema, headers=("Content-Disposition",))
def export_me() -> Response:
    """Download all data stored about the current user, as a file.

    Movies are sent while they are read from the database, oldest first.
    """
    return attachment(*service.export_account(current_user(), current_session()))
