"""Files of movies: how they are asked for, and what is answered."""

from enum import StrEnum

from marshmallow import fields
from marshmallow.validate import OneOf

from playlist_api.errors import Problem
from playlist_api.schemas.answers import Answer, MovieAnswer
from playlist_api.schemas.fields import BigInteger, CamelCase, Flag, Text

TAKEN_FOR = ("letterboxd", "letterboxdList", "imdb", "movary", "yamtrack", "csv", "json")
"""What files are recognised as; `csv` and `json` are this service's own, and others like them."""

WRITTEN_AS = ("json", "csv", "letterboxd")


class Outcome(StrEnum):
    """What became of a row of a file."""

    CREATED = "created"
    DUPLICATE_IN_LIST = "duplicateInList"
    DUPLICATE_IN_FILE = "duplicateInFile"
    SKIPPED = "skipped"
    REFUSED = "refused"


class MovieFile(CamelCase):
    """A file with a list of movies, as a part of a form."""

    file = fields.String(
        required=True, metadata={"format": "binary", "description": "Of at most 10 MiB."}
    )


class ImportQuery(CamelCase):
    """How a file is taken."""

    dry_run = Flag(
        load_default=False,
        metadata={
            "description": "Only tell what would become of each row, and change nothing.",
            "examples": [True],
        },
    )


class ExportQuery(CamelCase):
    """What a list is written as."""

    format = Text(
        OneOf(WRITTEN_AS, error=Problem("invalid", "must be json, csv or letterboxd.")),
        load_default="json",
        metadata={
            "description": (
                "`csv` is for spreadsheets, `letterboxd` is what Letterboxd imports: titles and"
                " years, without pictures."
            ),
            "examples": ["csv"],
        },
    )


class ListAnswer(Answer):
    """A whole list, oldest first."""

    movies = fields.List(fields.Nested(MovieAnswer))


class ImportedRowAnswer(Answer):
    """What became of a row of a file, or would."""

    example = {
        "line": 2,
        "outcome": "created",
        "title": "Heat",
        "year": "1995",
        "movieId": 42,
        "reason": None,
    }

    line = BigInteger(
        metadata={"description": "Where it begins in the file; of JSON, which entry it is."}
    )
    outcome = fields.String(validate=OneOf(list(Outcome)))
    title = fields.String(allow_none=True, metadata={"description": "As it was understood."})
    year = fields.String(allow_none=True)
    movie_id = BigInteger(
        allow_none=True,
        metadata={"description": "Of the new movie, or the one on the list."},
    )
    reason = fields.String(
        allow_none=True, metadata={"description": "For people: why it was not created."}
    )


class ImportTotalsAnswer(Answer):
    """How many rows a file has, and how many came to what."""

    example = {
        "rows": 1,
        "created": 1,
        "duplicateInList": 0,
        "duplicateInFile": 0,
        "skipped": 0,
        "refused": 0,
    }

    rows = BigInteger()
    created = BigInteger()
    duplicate_in_list = BigInteger(metadata={"description": "The list has that movie."})
    duplicate_in_file = BigInteger(metadata={"description": "A row before has that movie."})
    skipped = BigInteger(metadata={"description": "Series, episodes, games and the like."})
    refused = BigInteger(metadata={"description": "What is wrong is each one's `reason`."})


class ImportReportAnswer(Answer):
    """What became of each row of a file, or would."""

    example = {"dryRun": False, "format": "letterboxd"}

    dry_run = fields.Boolean(metadata={"description": "Whether nothing was changed."})
    format = fields.String(
        validate=OneOf(TAKEN_FOR), metadata={"description": "What the file was taken for."}
    )
    totals = fields.Nested(ImportTotalsAnswer)
    rows = fields.List(fields.Nested(ImportedRowAnswer))


movie_file = MovieFile()
import_query = ImportQuery()
export_query = ExportQuery()
list_answer = ListAnswer()
import_report_answer = ImportReportAnswer()
import_report_head = ImportReportAnswer(exclude=["rows"])
