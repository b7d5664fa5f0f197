"""Lists and accounts as files: how they are asked for, and what is answered."""

from enum import StrEnum

from marshmallow import fields
from marshmallow.validate import OneOf

from playlist_api.api.fields import BigInteger, CamelCase, Flag, Text, Timestamp
from playlist_api.api.schemas import ResponseSchema
from playlist_api.auth.schemas import SessionSchema, UserSchema
from playlist_api.errors import Problem
from playlist_api.movies.schemas import MovieSchema
from playlist_api.posters.schemas import PictureSchema

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


class MovieFileSchema(CamelCase):
    """A file with a list of movies, as a part of a form."""

    file = fields.String(
        required=True, metadata={"format": "binary", "description": "Of at most 10 MiB."}
    )


class ImportQuerySchema(CamelCase):
    """How a file is taken."""

    dry_run = Flag(
        load_default=False,
        metadata={
            "description": "Only tell what would become of each row, and change nothing.",
            "examples": [True],
        },
    )


class ExportQuerySchema(CamelCase):
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


class ListSchema(ResponseSchema):
    """A whole list, oldest first."""

    movies = fields.List(fields.Nested(MovieSchema))


class ImportedRowSchema(ResponseSchema):
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


class ImportTotalsSchema(ResponseSchema):
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


class ImportReportSchema(ResponseSchema):
    """What became of each row of a file, or would."""

    example = {"dryRun": False, "format": "letterboxd"}

    dry_run = fields.Boolean(metadata={"description": "Whether nothing was changed."})
    format = fields.String(
        validate=OneOf(TAKEN_FOR), metadata={"description": "What the file was taken for."}
    )
    totals = fields.Nested(ImportTotalsSchema)
    rows = fields.List(fields.Nested(ImportedRowSchema))


movie_file_schema = MovieFileSchema()
import_query_schema = ImportQuerySchema()
export_query_schema = ExportQuerySchema()
list_schema = ListSchema()
import_report_schema = ImportReportSchema()
import_report_head_schema = ImportReportSchema(exclude=["rows"])


class PasswordResetLinkSchema(ResponseSchema):
    """A link to reset a password that has been mailed and not used."""

    example = {"expiresAt": "2026-11-23T11:00:00.000000Z"}

    expires_at = Timestamp()


class IdempotencyKeySchema(ResponseSchema):
    """That a movie was added with an `Idempotency-Key`; the key itself is not kept."""

    example = {
        "movieId": 42,
        "createdAt": "2026-11-23T10:20:00.000001Z",
        "expiresAt": "2026-11-24T10:20:00.000001Z",
    }

    movie_id = BigInteger()
    created_at = Timestamp()
    expires_at = Timestamp()


class ExportSchema(ResponseSchema):
    """Everything that the service holds on somebody."""

    example = {"exportedAt": "2026-11-23T10:45:00.000000Z"}

    exported_at = Timestamp()
    user = fields.Nested(UserSchema)
    sessions = fields.List(fields.Nested(SessionSchema))
    password_resets = fields.List(fields.Nested(PasswordResetLinkSchema))
    idempotency_keys = fields.List(fields.Nested(IdempotencyKeySchema))
    pictures = fields.List(fields.Nested(PictureSchema))
    movies = fields.List(fields.Nested(MovieSchema))


export_schema = ExportSchema()


export_head_schema = ExportSchema(exclude=["idempotency_keys", "pictures", "movies"])
idempotency_key_schema = IdempotencyKeySchema()
