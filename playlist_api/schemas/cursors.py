"""Cursors: places in a list of movies, which clients hand back as they were given them."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from struct import Struct
from typing import Any, NamedTuple

from marshmallow import fields

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
"""What PostgreSQL's times are exact to, and so must be a place among them."""

NUMBERS = Struct(">qq")
WELL_FORMED = re.compile(r"[A-Za-z0-9_-]{21}[AQgw]")
"""Base64 of 16 bytes for URLs (RFC 4648, section 5), without the padding, in its one spelling."""


class Place(NamedTuple):
    """Where a movie stands in its list, be it still there or not: the list's order is theirs."""

    created_at: datetime
    id: int


def cursor_of(place: Place) -> str:
    """Write a place as a cursor.

    It is not signed: whoever makes one up names a place, and sees what follows it in their own
    list.
    """
    numbers = NUMBERS.pack((place.created_at - EPOCH) // MICROSECOND, place.id)
    return urlsafe_b64encode(numbers)[:22].decode()


class Cursor(fields.Field[Place]):
    """A cursor as a parameter of a query that has no `page`."""

    default_error_messages = {
        "invalid": "Must be a cursor that this list has given.",
        "page": "Must not be given together with a page.",
    }

    def _deserialize(self, value: Any, *context: Any, **_: Any) -> Place:
        _name, parameters = context
        # One that is given twice arrives as a list.
        if not (isinstance(value, str) and WELL_FORMED.fullmatch(value)):
            raise self.make_error("invalid")
        if "page" in parameters:
            raise self.make_error("page")
        microseconds, movie_id = NUMBERS.unpack(urlsafe_b64decode(f"{value}=="))
        try:
            return Place(EPOCH + microseconds * MICROSECOND, movie_id)
        except OverflowError as error:
            raise self.make_error("invalid") from error
