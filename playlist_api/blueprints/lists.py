"""The caller's list as a whole: bringing movies in, and taking them out."""

from flask import Blueprint, Response

from playlist_api.blueprints.answering import answer, attachment, failures
from playlist_api.blueprints.loading import query
from playlist_api.blueprints.uploads import upload
from playlist_api.errors import Conflict
from playlist_api.schemas.files import (
    export_query,
    import_query,
    import_report_answer,
    import_report_head,
    list_answer,
    movie_file,
)
from playlist_api.schemas.json import with_lists
from playlist_api.security.callers import access_token_required, caller, current_user
from playlist_api.services import exports
from playlist_api.services.imports import lists
from playlist_api.services.imports.rows import as_row

blueprint = Blueprint("lists", __name__, url_prefix="/movies")


@blueprint.post("/import")
@access_token_required
@query(import_query)
@upload(movie_file)
@answer(import_report_answer)
@failures(Conflict)
def import_movies(wanted: dict[str, bool], content: bytes) -> Response:
    """Put the movies of a file on the list that it does not have.

    The file is the part `file` of a form, or the body itself: an export of Letterboxd's, IMDb's,
    Movary's, Yamtrack's or this service's, or any CSV with a column `title`. It is recognised by
    its content. All that is new is added at once, or with `dryRun` nothing; movies of the same
    title and year, whatever their case, accents, spaces and punctuation, count as one. So the call
    is safe to repeat. Rows for which the list has no room are refused one by one, and while another
    import has the list, this is a 409.
    """
    report = lists.import_file(caller(), content, dry_run=wanted["dry_run"])
    rows = with_lists(import_report_head.dump(report), {"rows": map(as_row, report.rows)})
    return Response(rows, mimetype="application/json")


@blueprint.get("/export")
@access_token_required
@query(export_query)
@answer(list_answer, headers=("Content-Disposition",), also=("text/csv",))
def export_movies(wanted: dict[str, str]) -> Response:
    """Take the list as a file, oldest first, to be read, kept or imported again.

    The movies are sent while they are read.
    """
    return attachment(*exports.list_as_file(current_user(), wanted["format"]))
