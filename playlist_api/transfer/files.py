"""From a file's bytes to its rows, whatever it is."""

from collections.abc import Iterator
from math import inf
from typing import NamedTuple

from marshmallow import ValidationError

from playlist_api.errors import Invalid, Problem
from playlist_api.transfer.documents import document_in
from playlist_api.transfer.encodings import encoding_of
from playlist_api.transfer.rows import Row
from playlist_api.transfer.tables import table_in

ZIP = b"PK\x03\x04"
"""What archives begin with, in which Letterboxd hands its files out, and Excel's own files."""

ARCHIVE = Problem("unsupported", "is an archive: send one of the CSV files that are in it.")

VALUES_OF_A_ROW = 10
"""On the average, at the most: a megabyte of nothing but brackets would take twenty in memory, and
what is real has names and quotes, and more bytes than ten for each value."""


class File(NamedTuple):
    """What a file has: the name of its format, as in `schemas.files`, and its rows."""

    format: str
    rows: list[Row]


def read_file(content: bytes, most: float = inf) -> File:
    """Read a file of at most so many rows, and load them.

    :raises ValidationError: of "file", when it is no list of movies, is broken, or too long.
    """
    if content.startswith(ZIP):
        raise ValidationError(ARCHIVE, "file")
    encoding = encoding_of(content)
    if _is_json(content, encoding):
        _check_values(content, most)
        name, rows = document_in(content, encoding)
    else:
        name, rows = table_in(content, encoding)
    return File(name, [row for row in _at_most(most, rows) if row])


def _is_json(content: bytes, encoding: str) -> bool:
    beginning = content[:4096].decode(encoding, "ignore").lstrip("\ufeff \t\r\n")
    return beginning.startswith(("{", "["))


def _check_values(content: bytes, most: float) -> None:
    if sum(map(content.count, (b",", b"[", b"{"))) > VALUES_OF_A_ROW * most:
        raise Invalid("too_large", "has too many values: divide it.", "file")


def _at_most(most: float, rows: Iterator[Row | None]) -> Iterator[Row | None]:
    for number, row in enumerate(rows):
        if number >= most:
            raise Invalid("too_large", f"has more than {most:,} rows: divide it.", "file")
        yield row
