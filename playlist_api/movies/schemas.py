"""Movies in JSON: what clients send, and what they get."""

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
from playlist_api.db import models
from playlist_api.db.models import TITLE_LENGTH, URL_LENGTH
from playlist_api.errors import Invalid, Problem
from playlist_api.movies.cursors import NEWEST_FIRST, SORTS, WELL_FORMED, CursorField
from playlist_api.posters.schemas import ImageUrl

PAGE_SIZE = 20
MAX_PAGE_SIZE = 100


class MovieSchema(ResponseSchema):
    """A movie of somebody's list."""

    example = {
        "id": 42,
        "title": "Heat",
        "year": "1995",
        "imageUrl": "https://example.com/heat.jpg",
        "ownerId": "7f9c24e8-3b12-4fef-91e0-4c1c6a2d8f55",
        "createdAt": "2026-11-23T10:20:00.000001Z",
        "updatedAt": "2026-11-23T10:20:00.000001Z",
    }

    id = BigInteger()
    title = fields.String(validate=Length(max=models.TITLE_LENGTH))
    year = fields.String(
        validate=Length(equal=4), allow_none=True, metadata={"description": "Four digits."}
    )
    image_url = fields.String(
        validate=Length(max=models.URL_LENGTH),
        allow_none=True,
        metadata={"description": "Where its picture is."},
    )
    owner_id = fields.UUID(metadata={"description": "The user on whose list it is."})
    created_at = Timestamp()
    updated_at = Timestamp()


class PageMetaSchema(ResponseSchema):
    """Where in its list a page stands."""

    example = {"page": 1, "limit": 20, "total": 1, "totalPages": 1}

    page = fields.Integer(
        allow_none=True, metadata={"description": "Null where a `cursor` was asked for instead."}
    )
    limit = fields.Integer(validate=Range(1, MAX_PAGE_SIZE), metadata={"format": "int32"})
    total = BigInteger(metadata={"description": "Movies in the list, or those found."})
    total_pages = BigInteger()
    next = fields.String(
        allow_none=True,
        validate=WELL_FORMED,
        metadata={
            "always": False,
            "description": "The `cursor` of what follows, if there is more; given with a `search`,"
            " `year`, `sort` or `cursor`.",
        },
    )
    previous = fields.String(
        allow_none=True,
        validate=WELL_FORMED,
        metadata={"always": False, "description": "The same of what comes before."},
    )


class MoviePageSchema(ResponseSchema):
    """A page of somebody's list."""

    items = fields.List(fields.Nested(MovieSchema), validate=Length(max=MAX_PAGE_SIZE))
    meta = fields.Nested(PageMetaSchema)


movie_schema = MovieSchema()
movie_page_schema = MoviePageSchema()


class ImportedMovieSchema(CamelCase):
    """A movie as files have it; what is left out is null."""

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
    """A movie to be put on a list; what is left out is null."""

    image_url = ImageUrl(
        allow_none=True,
        load_default=None,
        metadata={
            "description": (
                "An absolute http or https URL, without credentials; or the picture itself, a PNG,"
                " JPEG, WebP or GIF of at most 2 MiB, as a `data:` URL in base64. The answer then"
                " has the URL where it is kept."
            )
        },
    )


class MovieChangesSchema(NewMovieSchema):
    """Changes of a movie; fields left out keep their value, and null clears."""

    example = {"year": "1996", "imageUrl": None}


def in_order(years: str) -> None:
    """Refuse a range of years that ends before it begins."""
    first, _, last = years.partition("..")
    if last and last < first:
        raise Invalid("invalid", "must begin with the earlier year.")


NO_YEARS = Problem("invalid", "must be like 1999 or 1990..1999.")


class PageQuerySchema(CamelCase):
    """Which part of a list is asked for, and in which order."""

    page = WholeNumber(
        1,
        load_default=1,
        metadata={"description": "Which page; past the end they are empty.", "examples": [1]},
    )
    limit = WholeNumber(
        1,
        MAX_PAGE_SIZE,
        load_default=PAGE_SIZE,
        metadata={
            "description": "How many movies a page has.",
            "format": "int32",
            "examples": [PAGE_SIZE],
        },
    )
    cursor = CursorField(
        metadata={
            "description": "Where the page begins or ends, as a `Link` or `meta` says it; not"
            " together with `page`, nor with a `sort` that is not its own.",
            "examples": ["AgAAAAAAAAAqAAZg7u-vdAE"],
        },
    )
    search = Text(
        max_length=TITLE_LENGTH,
        metadata={
            "description": "Words of the title, whatever their order, case and accents; the last"
            " one may be the beginning of a word.",
            "examples": ["redemption shaw"],
        },
    )
    year = Text(
        Regexp(
            r"[0-9]{4}(\.\.[0-9]{4})?\Z",
            error=NO_YEARS,
        ),
        in_order,
        metadata={
            "description": "A year, or the first and the last one.",
            "maxLength": len("1990..1999"),
            "examples": ["1999", "1990..1999"],
        },
    )
    sort = fields.String(
        validate=OneOf(SORTS, error=Problem("invalid", f"must be one of {', '.join(SORTS)}.")),
        error_messages={"invalid": Problem("invalid", "must be a string.")},
        metadata={
            "description": "The order; a `-` turns it around. By default it is that of the"
            f" `cursor`, or `{NEWEST_FIRST}`. A movie without a year is older than all others.",
            "examples": ["title"],
        },
    )


imported_movie_schema = ImportedMovieSchema()


new_movie_schema = NewMovieSchema()


movie_changes_schema = MovieChangesSchema(partial=True)


page_query_schema = PageQuerySchema()
