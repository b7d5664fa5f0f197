"""Cursors: positions in a list of movies, as opaque text in a link."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime
from typing import Any, NamedTuple

from marshmallow import fields

from playlist_api.db.models import MAX_ID, TITLE_LENGTH
from playlist_api.errors import Problem

NEWEST_FIRST = "-createdAt"
SORTS = (
    *("createdAt", NEWEST_FIRST, "updatedAt", "-updatedAt"),
    *("title", "-title", "year", "-year"),
)
"""The orders of a list; `-` means descending."""

MAX_CURSOR = 4 * (len("-createdAt 1 -9223372036854775808 ") + 4 * TITLE_LENGTH) // 3
"""Characters of a cursor with the longest title, at 4 bytes a character, in base64."""

BASE64 = re.compile(f"[A-Za-z0-9_-]{{1,{MAX_CURSOR}}}")
"""The URL-safe alphabet (RFC 4648, section 5) without padding."""


class Cursor(NamedTuple):
    """A position in a list; the movie that was there may be gone."""

    sort: str
    key: datetime | str
    """What the order compares first: a time, a title, or a year, which may be ""."""
    id: int
    before: bool = False
    """Whether the page ends here instead of starting here."""


def encode_cursor(cursor: Cursor) -> str:
    """Write a position as a cursor.

    Cursors are not signed: a forged one is just another position in the caller's own list.
    """
    sort, key, movie_id, before = cursor
    text = f"{sort} {before:d} {movie_id} {key.isoformat() if isinstance(key, datetime) else key}"
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> Cursor:
    """Read a cursor.

    :raises ValueError: when it is not one.
    """
    text = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    sort, before, movie_id, text_key = text.split(" ", 3)
    key = datetime.fromisoformat(text_key) if sort.endswith("At") else text_key
    place = Cursor(sort, key, int(movie_id), before == "1")
    if sort not in SORTS or "\0" in text_key or abs(place.id) > MAX_ID:
        raise ValueError("The list has no such order, or PostgreSQL no such value.")
    if encode_cursor(place) != cursor:
        raise ValueError("Each position has exactly one spelling.")
    return place


class CursorField(fields.Field[Cursor]):
    """A cursor; a query that has one must not have a `page` as well."""

    json_schema = {"type": "string", "pattern": f"^{BASE64.pattern}$", "maxLength": MAX_CURSOR}
    default_error_messages = {
        "invalid": Problem("invalid", "must be a cursor that this list has given."),
        "page": Problem("invalid", "must not be given together with a page."),
        "sort": Problem("invalid", "must be a cursor of the same sort."),
    }

    def _deserialize(self, value: Any, *context: Any, **_: Any) -> Cursor:
        _name, parameters = context
        # A parameter that is given twice is a list.
        if not (isinstance(value, str) and BASE64.fullmatch(value)):
            raise self.make_error("invalid")
        if "page" in parameters:
            raise self.make_error("page")
        try:
            place = decode_cursor(value)
        except ValueError as error:
            raise self.make_error("invalid") from error
        # An unknown sort, or a list of them, is reported by its own field.
        if parameters.get("sort", place.sort) in [sort for sort in SORTS if sort != place.sort]:
            raise self.make_error("sort")
        return place
