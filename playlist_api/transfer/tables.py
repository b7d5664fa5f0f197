"""Files of CSV, by whichever character their cells are separated."""

import csv
import re
from collections.abc import Iterator
from contextlib import suppress
from io import BytesIO, TextIOWrapper
from itertools import islice

from marshmallow import ValidationError

from playlist_api.api.fields import SPACES, web_address
from playlist_api.db.models import URL_LENGTH
from playlist_api.errors import Invalid, Problem
from playlist_api.transfer.formats import Format, recognised
from playlist_api.transfer.rows import Row, loaded, skipped
from playlist_api.transfer.spreadsheets import unguarded

DELIMITERS = ",;\t"
"""Excel writes the one that is usual in its country."""

FIRST_ROWS = 10
"""Among which the header must be. A list of Letterboxd's has it on line 5, behind what is said of
the list, or a little further down if its description has several lines."""

BREAK = re.compile(r"[\t\r\n]+")

MAX_ROW = 100_000
"""Characters of a row, reviews included, and so the most cells that it can have."""

UNRECOGNISED = Problem(
    "unsupported",
    "is not a list of movies that can be recognised: one of its first lines must name its columns,"
    " a title among them.",
)

Cells = tuple[int, list[str]]
"""The line on which a row begins, and what is in it."""


def table_in(content: bytes, encoding: str) -> tuple[str, Iterator[Row | None]]:
    """Return the name of a file's format, and its rows, each of which is read when it is asked for.

    A row without anything in it is None.

    :raises ValidationError: when there is no header that is known and, while the rows are read,
        when they are no CSV.
    """
    for delimiter in DELIMITERS:
        rows = _read(content, encoding, delimiter)
        if found := _find_header(rows):
            return found[0].name, _load(*found, rows)
    raise ValidationError(UNRECOGNISED, "file")


def _read(content: bytes, encoding: str, delimiter: str) -> Iterator[Cells]:
    # Line by line: the whole of a text may take four times as much memory as its bytes.
    text = TextIOWrapper(BytesIO(content), encoding, newline="")
    line = length = 1

    def lines() -> Iterator[str]:
        nonlocal length
        while part := text.readline(MAX_ROW + 1):
            length += len(part)
            if length > MAX_ROW:
                problem = f"has more than {MAX_ROW:,} characters in the row of line {line}."
                raise Invalid("too_large", problem, "file")
            yield part

    reader = csv.reader(lines(), delimiter=delimiter, strict=True)
    try:
        for cells in reader:
            yield line, cells
            line, length = reader.line_num + 1, 0
    except csv.Error as error:
        problem = f"is not CSV from line {line} on: {error}."
        raise Invalid("malformed", problem, "file") from error


def _find_header(rows: Iterator[Cells]) -> tuple[Format, list[str]] | None:
    with suppress(ValidationError):  # which is no wonder with the wrong delimiter
        for _, cells in islice(rows, FIRST_ROWS):
            header = [cell.strip(SPACES).casefold() for cell in cells]
            if known := recognised(header):
                return known, header
    return None


def _load(known: Format, header: list[str], rows: Iterator[Cells]) -> Iterator[Row | None]:
    columns = zip(("title", "year", "imageUrl", "kind"), known.columns, strict=True)
    places = [(name, header.index(column)) for name, column in columns if column in header]
    for line, cells in rows:
        # CSV has no null: an empty cell is a field left out, as is one that is not there.
        given = {name: cells[at] for name, at in places if at < len(cells) and cells[at]}
        yield _row(known, line, given) if any(map(str.strip, cells)) else None


def _row(known: Format, line: int, given: dict[str, str]) -> Row:
    kind = given.pop("kind", "")
    fields = {name: _cleaned(known, name, cell) for name, cell in given.items()}
    if kind and not known.is_movie(kind):
        return skipped(line, fields, kind)
    return loaded(line, fields)


def _cleaned(known: Format, name: str, cell: str) -> str | None:
    if BREAK.search(cell):  # which somebody's spreadsheet has wrapped
        cell = " ".join(filter(None, map(str.strip, BREAK.split(cell))))
    if known.own:
        return unguarded(cell)
    return _usable(cell) if name == "imageUrl" else cell


def _usable(url: str) -> str | None:
    with suppress(ValidationError):
        if len(url) <= URL_LENGTH:
            web_address(url)
            return url
    return None
