"""The caller's list as a whole: bringing movies in, and taking them out."""

from flask import Blueprint, Response

from playlist_api.api.arguments import query
from playlist_api.api.identity import access_token_required, current_identity, current_user
from playlist_api.api.json import with_lists
from playlist_api.api.responses import attachment, other_responses, response
from playlist_api.errors import Conflict
from playlist_api.transfer import exports
from playlist_api.transfer import imports as lists
from playlist_api.transfer.rows import as_row
from playlist_api.transfer.schemas import (
    export_query_schema,
    import_query_schema,
    import_report_head_schema,
    import_report_schema,
    list_schema,
    movie_file_schema,
)
from playlist_api.transfer.uploads import upload

blueprint = Blueprint("lists", __name__, url_prefix="/movies")


@blueprint.post("/import")
@access_token_required
@query(import_query_schema)
@upload(movie_file_schema)
@response(import_report_schema)
@other_responses(Conflict)
def import_movies(wanted: dict[str, bool], content: bytes) -> Response:
    """Put the movies of a file on the list that it does not have.

    The file is the part `file` of a form, or the body itself: an export of Letterboxd's, IMDb's,
    Movary's, Yamtrack's or this service's, or any CSV with a column `title`. It is recognised by
    its content. All that is new is added at once, or with `dryRun` nothing; movies of the same
    title and year, whatever their case, accents, spaces and punctuation, count as one. So the call
    is safe to repeat. Rows for which the list has no room are refused one by one, and while another
    import has the list, this is a 409.
    """
    report = lists.import_file(current_identity(), content, dry_run=wanted["dry_run"])
    rows = with_lists(import_report_head_schema.dump(report), {"rows": map(as_row, report.rows)})
    return Response(rows, mimetype="application/json")


@blueprint.get("/export")
@access_token_required
@query(export_query_schema)
@response(list_schema, headers=("Content-Disposition",), also=("text/csv",))
def export_movies(wanted: dict[str, str]) -> Response:
    """Take the list as a file, oldest first, to be read, kept or imported again.

    The movies are sent while they are read.
    """
    return attachment(*exports.list_as_file(current_user(), wanted["format"]))
