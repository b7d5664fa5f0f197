"""Files of JSON: this service's exports and pages, and arrays of movies."""

import json
import re
from collections import deque
from collections.abc import Iterator
from typing import Any, NoReturn

from marshmallow import ValidationError

from playlist_api.errors import Invalid, Problem
from playlist_api.transfer.formats import may_be_movie
from playlist_api.transfer.rows import Row, loaded, skipped, undone
from playlist_api.transfer.schemas import Outcome

LISTS = ("movies", "items")
"""What the list is called in an export, and in a page."""

USUAL_ENTRY, MAX_ENTRY = 1024, 64 * 1024
"""Characters of an entry, which is read as a whole: first it is looked for among the fewer."""

MAX_TOKEN = len("-Infinity")
"""Characters of what is no string: if it is cut, the fault is found where it begins."""

SPACE = re.compile(r"[ \t\n\r]*")

UNRECOGNISED = Problem(
    "unsupported",
    'is not a list of movies: an array, or an object with one as "movies".',
)


def document_in(content: bytes, encoding: str) -> tuple[str, Iterator[Row | None]]:
    """Return the name of the format, and the rows; an entry's number stands for its line.

    :raises ValidationError: while the rows are read, when it is no JSON or no list of movies.
    """
    return "json", _load(Document(content.decode(encoding)))


def _load(document: "Document") -> Iterator[Row]:
    try:
        for number, entry in enumerate(document.entries(), 1):
            yield _row(number, entry)
    except RecursionError as error:
        raise Invalid("malformed", "is nested too deeply.", "file") from error
    except ValueError as error:
        raise Invalid("malformed", f"is not valid JSON: {error}.", "file") from error


def _row(number: int, entry: Any) -> Row:
    if not isinstance(entry, dict):
        return undone(number, {}, Outcome.REFUSED, "Must be a JSON object.")
    kind = entry.get("type")
    if isinstance(kind, str) and not may_be_movie(kind):
        return skipped(number, entry, kind)
    return loaded(number, entry)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"there is no {constant}")


def _may_be_cut(error: json.JSONDecodeError, part: str) -> bool:
    is_string = error.msg.startswith("Unterminated string")
    return is_string or error.pos > len(part) - MAX_TOKEN


class Document:
    """A text of JSON that is read entry by entry.

    As a whole, the objects would take twenty times as much memory as the text.
    """

    # No field is a number but a year, and Python's integers refuse more than 4,300 digits.
    _decoder = json.JSONDecoder(parse_constant=_refuse, parse_int=float)

    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0

    def entries(self) -> Iterator[Any]:
        """Read the entries of the list that the document is, or has.

        :raises ValueError, RecursionError: when it is no JSON that can be read.
        :raises ValidationError: when there is no list.
        """
        yield from self._array() if self._next() == "[" else self._object()
        if self._next():
            self._fail("there is more after its end")

    def _array(self) -> Iterator[Any]:
        for _ in self._members("[", "]"):
            yield self._value()

    def _object(self) -> Iterator[Any]:
        found = False
        for _ in self._members("{", "}"):
            if self._next() != '"':
                self._fail("expecting a name")
            name = self._value()
            self._take(":")
            if self._next() != "[":
                self._value()
            elif name in LISTS:
                found = True
                yield from self._array()
            else:
                deque(self._array(), 0)  # entry by entry, without keeping them
        if not found:
            raise ValidationError(UNRECOGNISED, "file")

    def _members(self, opening: str, closing: str) -> Iterator[None]:
        self._take(opening)
        if self._next() == closing:
            self._take(closing)
            return
        yield
        while self._take(",", closing) == ",":
            yield

    def _value(self) -> Any:
        self._next()
        for longest in (USUAL_ENTRY, MAX_ENTRY):
            part = self._text[self._at : self._at + longest]
            is_rest = self._at + len(part) == len(self._text)
            try:
                value, end = self._decoder.raw_decode(part)
            except json.JSONDecodeError as error:
                if is_rest or not _may_be_cut(error, part):
                    raise json.JSONDecodeError(
                        error.msg, self._text, self._at + error.pos
                    ) from None
            else:
                if is_rest or end < len(part):
                    self._at += end
                    return value
        return self._fail(f"an entry has more than {MAX_ENTRY:,} characters")

    def _next(self) -> str:
        space = SPACE.match(self._text, self._at)
        self._at = space.end() if space else self._at
        return self._text[self._at : self._at + 1]

    def _take(self, *expected: str) -> str:
        if (token := self._next()) not in expected:
            self._fail(f"expecting {' or '.join(expected)}")
        self._at += 1
        return token

    def _fail(self, problem: str) -> NoReturn:
        raise json.JSONDecodeError(problem, self._text, self._at)
