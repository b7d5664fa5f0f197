"""Cursors: positions in a list of movies, as opaque text in a link."""

import re
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from marshmallow import fields

from playlist_api.db.models import TITLE_LENGTH
from playlist_api.errors import Problem

NEWEST_FIRST = "-createdAt"
SORTS = (
    *("createdAt", NEWEST_FIRST, "updatedAt", "-updatedAt"),
    *("title", "-title", "year", "-year"),
)
"""The orders of a list; `-` means descending. A cursor holds an index into this tuple, so append
new orders at its end."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
"""The resolution of PostgreSQL's timestamps."""

CURSOR_HEAD, CURSOR_TIME = struct.Struct(">Bq"), struct.Struct(">q")
MAX_CURSOR = 4 * (CURSOR_HEAD.size + 4 * TITLE_LENGTH) // 3
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


def encode_cursor(place: Cursor) -> str:
    """Write a position as a cursor.

    Cursors are not signed: a forged one is just another position in the caller's own list.
    """
    sort, key, movie_id, before = place
    head = CURSOR_HEAD.pack(2 * SORTS.index(sort) + before, movie_id)
    if isinstance(key, datetime):
        tail = CURSOR_TIME.pack((key - EPOCH) // MICROSECOND)
    else:
        tail = key.encode()
    return urlsafe_b64encode(head + tail).decode().rstrip("=")


def decode_cursor(cursor: str) -> Cursor:
    """Read a cursor.

    :raises ValueError, IndexError, OverflowError, struct.error: when it is not one.
    """
    content = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    number, movie_id = CURSOR_HEAD.unpack_from(content)
    sort, tail = SORTS[number // 2], content[CURSOR_HEAD.size :]
    key: datetime | str
    if sort.endswith("At"):
        key = EPOCH + CURSOR_TIME.unpack(tail)[0] * MICROSECOND
    else:
        key = tail.decode()
        if "\0" in key:
            raise ValueError("PostgreSQL's text has no NUL.")
    place = Cursor(sort, key, movie_id, number % 2 == 1)
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
        except (ValueError, IndexError, OverflowError, struct.error) as error:
            raise self.make_error("invalid") from error
        # An unknown sort, or a list of them, is reported by its own field.
        if parameters.get("sort", place.sort) in [sort for sort in SORTS if sort != place.sort]:
            raise self.make_error("sort")
        return place
