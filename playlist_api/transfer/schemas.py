"""Imports and exports in JSON."""

from marshmallow import fields
from marshmallow.validate import OneOf

from playlist_api.api.fields import BigInteger, CamelCase, Text, Timestamp
from playlist_api.api.schemas import ResponseSchema
from playlist_api.auth.schemas import PasswordResetLinkSchema, SessionSchema, UserSchema
from playlist_api.errors import Problem
from playlist_api.movies.schemas import IdempotencyKeySchema, MovieSchema
from playlist_api.posters.schemas import PictureSchema
from playlist_api.transfer.readers import FORMATS, Outcome
from playlist_api.transfer.writers import WRITERS


class MovieFileSchema(CamelCase):
    """A file with a list of movies, as a part of a form."""

    example = {"file": "title,year\r\nHeat,1995\r\n"}

    file = fields.String(
        required=True, metadata={"format": "binary", "description": "At most 10 MiB."}
    )


class ImportQuerySchema(CamelCase):
    """How to import a file."""

    dry_run = fields.Boolean(
        truthy={"true"},
        falsy={"false"},
        error_messages={"invalid": Problem("invalid", "must be true or false.")},
        load_default=False,
        metadata={
            "description": "Only report what would become of each row, and change nothing.",
            "examples": [True],
        },
    )


class ExportQuerySchema(CamelCase):
    """The format of an export."""

    format = Text(
        OneOf(list(WRITERS), error=Problem("invalid", "must be json, csv or letterboxd.")),
        load_default="json",
        metadata={
            "description": "`csv` is for spreadsheets. `letterboxd` is what Letterboxd imports:"
            " titles and years, without pictures.",
            "examples": ["csv"],
        },
    )


class ListSchema(ResponseSchema):
    """A whole list, oldest first."""

    movies = fields.List(fields.Nested(MovieSchema))


class ImportedRowSchema(ResponseSchema):
    """What became of a row of a file, or would become of it in a dry run."""

    line = BigInteger(
        metadata={"description": "The line on which the row begins; in JSON, the entry's number."}
    )
    outcome = fields.String(validate=OneOf(list(Outcome)))
    title = fields.String(allow_none=True)
    year = fields.String(allow_none=True)
    movie_id = BigInteger(
        allow_none=True,
        metadata={"description": "Of the new movie, or of the one on the list."},
    )
    reason = fields.String(
        allow_none=True, metadata={"description": "Why it was not created, for people."}
    )


class ImportTotalsSchema(ResponseSchema):
    """The number of rows in a file, and of each outcome."""

    rows = BigInteger()
    created = BigInteger()
    duplicate_in_list = BigInteger()
    duplicate_in_file = BigInteger()
    skipped = BigInteger(metadata={"description": "Series, episodes, games and the like."})
    refused = BigInteger()


class ImportReportSchema(ResponseSchema):
    """What became of each row of a file, or would become of it in a dry run."""

    dry_run = fields.Boolean()
    format = fields.String(validate=OneOf([*(known.name for known in FORMATS), "json"]))
    totals = fields.Nested(ImportTotalsSchema)
    rows = fields.List(fields.Nested(ImportedRowSchema))


class ExportSchema(ResponseSchema):
    """All data stored about the current user."""

    exported_at = Timestamp()
    user = fields.Nested(UserSchema)
    sessions = fields.List(fields.Nested(SessionSchema))
    password_resets = fields.List(fields.Nested(PasswordResetLinkSchema))
    idempotency_keys = fields.List(fields.Nested(IdempotencyKeySchema))
    pictures = fields.List(fields.Nested(PictureSchema))
    movies = fields.List(fields.Nested(MovieSchema))


movie_file_schema = MovieFileSchema()
import_query_schema = ImportQuerySchema()
import_report_schema = ImportReportSchema()
export_query_schema = ExportQuerySchema()
list_schema = ListSchema()
export_schema = ExportSchema()
export_head_schema = ExportSchema(exclude=["idempotency_keys", "pictures", "movies"])
