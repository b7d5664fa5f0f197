"""Movies in JSON: what clients send and get."""

from typing import Any

from marshmallow import fields
from marshmallow.validate import Length, OneOf, Range, Regexp

from playlist_api.api.fields import (
    BigInteger,
    CamelCase,
    Text,
    Timestamp,
    Trimmed,
    WholeNumber,
    not_blank,
    web_address,
)
from playlist_api.api.schemas import ResponseSchema
from playlist_api.db.models import TITLE_LENGTH, URL_LENGTH
from playlist_api.errors import Invalid, Problem
from playlist_api.movies.cursors import NEWEST_FIRST, SORTS, CursorField
from playlist_api.posters.schemas import ImageUrl

MAX_PAGE_SIZE = 100


class MovieSchema(ResponseSchema):
    """A movie on a user's list."""

    id = BigInteger()
    title = fields.String(validate=Length(max=TITLE_LENGTH))
    year = fields.String(
        validate=Length(equal=4), allow_none=True, metadata={"description": "Four digits."}
    )
    image_url = fields.String(validate=Length(max=URL_LENGTH), allow_none=True)
    owner_id = fields.UUID()
    created_at = Timestamp()
    updated_at = Timestamp()


class ImportedMovieSchema(CamelCase):
    """A movie in a file; fields left out are null."""

    example: dict[str, Any] = {
        "title": "Heat",
        "year": "1995",
        "imageUrl": "https://example.com/heat.jpg",
    }

    title = Trimmed(not_blank, max_length=TITLE_LENGTH, required=True)
    year = Text(
        Regexp(r"[0-9]{4}\Z", error=Problem("invalid", "must be a year of four digits.")),
        allow_none=True,
        load_default=None,
        metadata={"description": "Four digits.", "maxLength": len("1999")},
    )
    image_url = Text(
        web_address,
        max_length=URL_LENGTH,
        allow_none=True,
        load_default=None,
        metadata={"description": "An absolute http or https URL, without credentials."},
    )


class NewMovieSchema(ImportedMovieSchema):
    """A movie to add to a list; fields left out are null."""

    image_url = ImageUrl(
        allow_none=True,
        load_default=None,
        metadata={
            "description": "An absolute http or https URL, without credentials; or a PNG, JPEG,"
            " WebP or GIF of at most 2 MiB, as a base64 `data:` URL. The answer then has the URL at"
            " which the service keeps it."
        },
    )


class MovieChangesSchema(NewMovieSchema):
    """Changes to a movie; fields left out keep their value, and null clears."""

    example = {"year": "1996", "imageUrl": None}


class PageMetaSchema(ResponseSchema):
    """Where a page stands in its list."""

    page = fields.Integer(
        allow_none=True, metadata={"description": "Null if the request had a `cursor` instead."}
    )
    limit = fields.Integer(validate=Range(1, MAX_PAGE_SIZE), metadata={"format": "int32"})
    total = BigInteger(metadata={"description": "How many movies the list has, or were found."})
    total_pages = BigInteger()
    next = CursorField(
        allow_none=True,
        metadata={
            "always": False,
            "description": "The `cursor` of the next page, or null on the last one. Only after a"
            " request with a `search`, `year`, `sort` or `cursor`.",
        },
    )
    previous = CursorField(allow_none=True, metadata={"always": False})


class MoviePageSchema(ResponseSchema):
    """One page of a user's list."""

    items = fields.List(fields.Nested(MovieSchema), validate=Length(max=MAX_PAGE_SIZE))
    meta = fields.Nested(PageMetaSchema)


class IdempotencyKeySchema(ResponseSchema):
    """A movie that was added with an `Idempotency-Key`. The key itself is not kept."""

    movie_id = BigInteger()
    created_at = Timestamp()
    expires_at = Timestamp()


def ascending_years(years: str) -> None:
    """Refuse a range of years that ends before it starts."""
    first, _, last = years.partition("..")
    if last and last < first:
        raise Invalid("invalid", "must begin with the earlier year.")


class PageQuerySchema(CamelCase):
    """Which part of a list to return, in which order."""

    page = WholeNumber(
        1,
        load_default=1,
        metadata={"description": "Pages past the end are empty.", "examples": [1]},
    )
    limit = WholeNumber(
        1,
        MAX_PAGE_SIZE,
        load_default=20,
        metadata={"description": "Movies per page.", "format": "int32", "examples": [20]},
    )
    cursor = CursorField(
        metadata={
            "description": "Where the page starts or ends: copy it from `meta` or `Link`. Not"
            " allowed together with `page`, or with another `sort` than its own.",
            "examples": ["LWNyZWF0ZWRBdCAwIDQyIDIwMjYtMTEtMjNUMTA6MjA6MDAuMDAwMDAxKzAwOjAw"],
        },
    )
    search = Text(
        max_length=TITLE_LENGTH,
        metadata={
            "description": "Words of the title, in any order; case and accents do not matter, and"
            " the last word may be incomplete.",
            "examples": ["redemption shaw"],
        },
    )
    year = Text(
        Regexp(
            r"[0-9]{4}(\.\.[0-9]{4})?\Z",
            error=Problem("invalid", "must be like 1999 or 1990..1999."),
        ),
        ascending_years,
        metadata={
            "description": "A year, or a range of years.",
            "maxLength": len("1990..1999"),
            "examples": ["1999", "1990..1999"],
        },
    )
    sort = fields.String(
        validate=OneOf(SORTS, error=Problem("invalid", f"must be one of {', '.join(SORTS)}.")),
        error_messages={"invalid": Problem("invalid", "must be a string.")},
        metadata={
            "description": "The order; `-` means descending. The default is the order of the"
            f" `cursor`, or else `{NEWEST_FIRST}`. Movies without a year sort before all others.",
            "examples": ["title"],
        },
    )


movie_schema = MovieSchema()
movie_page_schema = MoviePageSchema()
imported_movie_schema = ImportedMovieSchema()
new_movie_schema = NewMovieSchema()
movie_changes_schema = MovieChangesSchema(partial=True)
page_query_schema = PageQuerySchema()
idempotency_key_schema = IdempotencyKeySchema()

MOVIE_FIELDS = {name: str(field.data_key) for name, field in new_movie_schema.fields.items()}
"""The fields that clients set: the model's attributes, and their names in JSON."""
