"""Cursors: places in a list of movies, which clients hand back as they were given them."""

import re
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from marshmallow import fields
from marshmallow.validate import Length, Regexp

from playlist_api.db.models import TITLE_LENGTH
from playlist_api.errors import Problem

NEWEST_FIRST = "-createdAt"
SORTS = (
    *("createdAt", NEWEST_FIRST, "updatedAt", "-updatedAt"),
    *("title", "-title", "year", "-year"),
)
"""The orders of a list: a `-` turns one around. A cursor has the number of its own."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
"""What PostgreSQL's times are exact to, and so must be a place among them."""

HEAD, MOMENT = struct.Struct(">Bq"), struct.Struct(">q")
LONGEST = 4 * (HEAD.size + 4 * TITLE_LENGTH) // 3
"""Characters of a cursor with the longest title: each has 4 bytes, and base64 makes 4 of 3."""

BASE64 = re.compile(f"[A-Za-z0-9_-]{{1,{LONGEST}}}")
"""For URLs (RFC 4648, section 5), without the padding."""

WELL_FORMED = [Length(max=LONGEST), Regexp(BASE64)]
"""What every cursor passes, for the document."""


class Cursor(NamedTuple):
    """Where a movie stands in an order of its list, be it still there or not.

    The list is theirs who ask.
    """

    sort: str
    key: datetime | str
    """What the order compares first: the movie's time, title or year, "" if it has none."""
    id: int
    before: bool = False
    """Whether the page that is meant ends here, instead of beginning."""


def encode_cursor(place: Cursor) -> str:
    """Write a place as a cursor.

    It is not signed: whoever makes one up names a place, and sees what is around it in their own
    list.
    """
    head = HEAD.pack(2 * SORTS.index(place.sort) + place.before, place.id)
    return urlsafe_b64encode(head + _written(place.key)).decode().rstrip("=")


def _written(key: datetime | str) -> bytes:
    if isinstance(key, datetime):
        return MOMENT.pack((key - EPOCH) // MICROSECOND)
    return key.encode()


def decode_cursor(cursor: str) -> Cursor:
    """Read a cursor.

    :raises ValueError, IndexError, OverflowError, struct.error: when it is none.
    """
    written = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    number, movie_id = HEAD.unpack_from(written)
    sort, key = SORTS[number // 2], written[HEAD.size :]
    place = Cursor(sort, _read(key, sort.endswith("At")), movie_id, number % 2 == 1)
    if encode_cursor(place) != cursor:
        raise ValueError("A place has one spelling.")
    return place


def _read(key: bytes, is_moment: bool) -> datetime | str:
    if is_moment:
        (microseconds,) = MOMENT.unpack(key)
        return EPOCH + timedelta(microseconds=microseconds)
    text = key.decode()
    if "\0" in text:
        raise ValueError("PostgreSQL has no text with a NUL.")
    return text


class CursorField(fields.Field[Cursor]):
    """A cursor as a parameter of a query that has no `page`."""

    default_error_messages = {
        "invalid": Problem("invalid", "must be a cursor that this list has given."),
        "page": Problem("invalid", "must not be given together with a page."),
        "sort": Problem("invalid", "must be a cursor of the same sort."),
    }

    def _deserialize(self, value: Any, *context: Any, **_: Any) -> Cursor:
        _name, parameters = context
        # One that is given twice arrives as a list.
        if not (isinstance(value, str) and BASE64.fullmatch(value)):
            raise self.make_error("invalid")
        if "page" in parameters:
            raise self.make_error("page")
        try:
            place = decode_cursor(value)
        except (ValueError, IndexError, OverflowError, struct.error) as error:
            raise self.make_error("invalid") from error
        # One that is no sort at all is told by its own name, and may be a list.
        if parameters.get("sort", place.sort) in [sort for sort in SORTS if sort != place.sort]:
            raise self.make_error("sort")
        return place
