"""Reading the movies in a file: its encoding, its format, and its rows."""

import csv
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from io import BytesIO, TextIOWrapper
from itertools import islice
from typing import Any, NamedTuple

from charset_normalizer import from_bytes
from marshmallow import ValidationError

from playlist_api.api.fields import CONTROL_OR_SURROGATE, SPACES, load, problems
from playlist_api.api.json import parse_json
from playlist_api.db.models import TITLE_LENGTH
from playlist_api.errors import Invalid
from playlist_api.movies.schemas import MOVIE_FIELDS, imported_movie_schema
from playlist_api.transfer.writers import unguarded

VALUES_PER_ROW = 5
"""The average number of values that an entry of JSON may have: 100,000 such rows take 130 MB."""

WESTERN = "cp1252"

LEGACY_ENCODINGS = [
    *(WESTERN, "cp1250", "cp1251", "cp1253", "cp1254"),
    *("cp932", "cp949", "gb18030", "big5"),
]
"""What Excel writes on Windows."""

ENCODING_SAMPLE = 16 * 1024
"""Bytes from which the encoding is guessed."""

DELIMITERS = ",;\t"

HEADER_ROWS = 10
"""Rows among which the header is: Letterboxd describes a list before it."""

MAX_CSV_ROW = 100_000
"""Characters, and so the most cells that a row can have."""

LINE_BREAKS = re.compile(r"[\t\r\n]+")

NOT_MOVIES = frozenset(
    {
        *("tvseries", "tvminiseries", "miniseries", "tvepisode", "tvpilot"),
        *("videogame", "musicvideo", "podcastseries", "podcastepisode"),
        *("tv", "tvshow", "show", "series", "season", "episode", "anime", "manga"),
        *("game", "boardgame", "book", "comic", "music", "album", "podcast", "person", "list"),
    }
)
"""Types of titles that are not movies, in lower case and without punctuation, as IMDb's spelling
changes: `Mini-Series`, `tvMiniSeries`. Unknown types count as movies: IMDb also translates them."""


COLUMNS = {**{name: name.casefold() for name in MOVIE_FIELDS.values()}, "kind": "type"}
"""The columns of a movie's fields, and the one with the type of a title, in lower case."""


class Format(NamedTuple):
    """A kind of CSV file."""

    name: str
    header: frozenset[str]
    """The columns by which it is recognised."""
    columns: Mapping[str, str] = {}
    """Those that have other names than in `COLUMNS`."""
    own: bool = False
    """Whether cells may be guarded against spreadsheets. Of other services' movies, pictures that
    are not URLs are left out."""


FORMATS = (
    Format("letterboxd", frozenset({"name", "year", "letterboxd uri"}), {"title": "name"}),
    Format("letterboxdList", frozenset({"position", "name", "year", "url"}), {"title": "name"}),
    Format("imdb", frozenset({"const", "title", "year"}), {"kind": "title type"}),
    Format("movary", frozenset({"title", "year", "tmdbid", "imdbid"})),
    Format(
        "yamtrack",
        frozenset({"media_id", "media_type", "title"}),
        {"imageUrl": "image", "kind": "media_type"},
    ),
    Format("csv", frozenset({"title"}), own=True),
)
"""The most specific first; `csv` is this service's own, and any other file with a `title`."""


class Outcome(StrEnum):
    """What became of a row of a file."""

    CREATED = "created"
    DUPLICATE_IN_LIST = "duplicateInList"
    DUPLICATE_IN_FILE = "duplicateInFile"
    SKIPPED = "skipped"
    REFUSED = "refused"


@dataclass(slots=True)
class Row:
    """A row of a file, and what became of it."""

    line: int
    movie: dict[str, str | None]
    """Its fields, or what the report shows of a row that is not imported."""
    outcome: Outcome | None = None
    """None until the row has been compared with the list."""
    reason: str | None = None
    movie_id: int | None = None


@dataclass(frozen=True)
class MovieFile:
    """A file's format, and its rows."""

    format: str
    rows: list[Row]

    @property
    def totals(self) -> dict[str, int]:
        """The number of rows, and of each outcome, as in the report."""
        counted = Counter(row.outcome for row in self.rows)
        return {"rows": len(self.rows), **{outcome.value: counted[outcome] for outcome in Outcome}}


def read_file(content: bytes, max_rows: int = sys.maxsize) -> MovieFile:
    """Read and check all rows of a file.

    :raises ValidationError: of `file`, when it is not a list of movies, broken, or too long.
    """
    if content.startswith(b"PK\x03\x04"):  # a ZIP file: Letterboxd's, or Excel's own
        raise Invalid("unsupported", "is an archive: send one of the CSV files in it.", "file")
    encoding = _encoding_of(content)
    beginning = content[:4096].decode(encoding, "ignore").lstrip("\ufeff \t\r\n")
    if beginning.startswith(("{", "[")):
        return MovieFile("json", _read_json(content, encoding, max_rows))
    format_, header, rows = _read_header(content, encoding)
    return MovieFile(format_.name, list(_read_csv(format_, header, rows, max_rows)))


def _check_rows(number: int, max_rows: int) -> None:
    if number > max_rows:
        raise Invalid("too_large", f"has more than {max_rows:,} rows: divide it.", "file")


def _encoding_of(content: bytes) -> str:
    encoding: str = json.detect_encoding(content)  # of Unicode, by its byte order mark or its NULs
    fault = _first_fault(content, encoding)
    if fault is None:
        return encoding
    if encoding.startswith("utf-8"):
        # ASCII tells nothing, so the sample begins with the first line that has something else.
        start = max(content.rfind(b"\n", 0, fault) + 1, fault - ENCODING_SAMPLE // 2)
        sample = content[start : start + ENCODING_SAMPLE]
        for guess in _guesses(sample[: sample.rfind(b"\n") + 1] or sample):
            if _first_fault(content, guess) is None:
                return guess
    problem = "is not text in an encoding that can be recognised; UTF-8 always can."
    raise Invalid("unsupported", problem, "file")


def _first_fault(content: bytes, encoding: str) -> int | None:
    try:
        content.decode(encoding)
    except UnicodeDecodeError as error:
        return error.start
    return None


def _guesses(sample: bytes) -> Iterator[str]:
    matches = from_bytes(sample, cp_isolation=LEGACY_ENCODINGS)
    # Western and Central European text often look alike, and Western is more common.
    guesses = [(WESTERN not in match.could_be_from_charset, match) for match in matches]
    guesses.sort(key=lambda guess: (guess[1].chaos, -guess[1].coherence, guess[0]))
    for not_western, match in guesses:
        yield match.encoding if not_western else WESTERN


def _read_json(content: bytes, encoding: str, max_rows: int) -> list[Row]:
    if sum(map(content.count, (b",", b"[", b"{"))) > VALUES_PER_ROW * max_rows:
        raise Invalid("too_large", "has too many values: divide it.", "file")
    try:
        # Python's integers refuse more than 4,300 digits, and only years may be numbers.
        document = parse_json(content.decode(encoding), parse_int=float)
    except ValueError as error:
        raise Invalid("malformed", f"is not valid JSON: {error}.", "file") from error
    if isinstance(document, dict):  # an export, or a page
        document = document.get("movies", document.get("items"))
    if not isinstance(document, list):
        problem = 'is not a list of movies: an array, or an object with one as "movies".'
        raise Invalid("unsupported", problem, "file")
    _check_rows(len(document), max_rows)
    return [_read_entry(number, entry) for number, entry in enumerate(document, 1)]


def _read_entry(number: int, entry: Any) -> Row:
    if not isinstance(entry, dict):
        return _not_imported(number, {}, Outcome.REFUSED, "Must be a JSON object.")
    given = {key: entry[key] for key in MOVIE_FIELDS.values() if key in entry}
    return _read_row(number, given, entry.get("type"))


CsvRow = tuple[int, list[str]]
"""The number of the line on which a row begins, and its cells."""


def _read_header(content: bytes, encoding: str) -> tuple[Format, list[str], Iterator[CsvRow]]:
    for delimiter in DELIMITERS:
        rows = _split(content, encoding, delimiter)
        with suppress(ValidationError):  # with the wrong delimiter it may not even be CSV
            for _, cells in islice(rows, HEADER_ROWS):
                header = [cell.strip(SPACES).casefold() for cell in cells]
                names = set(header)
                for format_ in FORMATS:
                    if format_.header <= names:
                        return format_, header, rows
    problem = "is not a list of movies: no line at its beginning names a column with titles."
    raise Invalid("unsupported", problem, "file")


def _split(content: bytes, encoding: str, delimiter: str) -> Iterator[CsvRow]:
    # Line by line, because the whole text may take four times the memory of its bytes.
    text = TextIOWrapper(BytesIO(content), encoding, newline="")
    line = length = 1

    def lines() -> Iterator[str]:
        nonlocal length
        while part := text.readline(MAX_CSV_ROW + 1):
            length += len(part)
            if length > MAX_CSV_ROW:
                problem = f"has more than {MAX_CSV_ROW:,} characters in the row of line {line}."
                raise Invalid("too_large", problem, "file")
            yield part

    # Strictly, or a quote that is never closed would swallow the rest of the file.
    reader = csv.reader(lines(), delimiter=delimiter, strict=True)
    try:
        for cells in reader:
            yield line, cells
            line, length = reader.line_num + 1, 0
    except csv.Error as error:
        problem = f"is not CSV from line {line} on: {error}."
        raise Invalid("malformed", problem, "file") from error


def _read_csv(
    format_: Format, header: list[str], rows: Iterator[CsvRow], max_rows: int
) -> Iterator[Row]:
    columns = {**COLUMNS, **format_.columns}
    places = {key: header.index(name) for key, name in columns.items() if name in header}
    for number, (line, cells) in enumerate(rows, 1):
        _check_rows(number, max_rows)
        if any(map(str.strip, cells)):
            # CSV has no null: an empty cell means that the field is left out.
            given = {key: cells[at] for key, at in places.items() if at < len(cells) and cells[at]}
            kind = given.pop("kind", None)
            movie = {key: _read_cell(format_, key, cell) for key, cell in given.items()}
            yield _read_row(line, movie, kind)


def _read_cell(format_: Format, key: str, cell: str) -> str | None:
    if LINE_BREAKS.search(cell):  # from a cell that a spreadsheet shows in several lines
        cell = " ".join(filter(None, map(str.strip, LINE_BREAKS.split(cell))))
    if format_.own:
        return unguarded(cell)
    if key == "imageUrl":
        with suppress(ValidationError):
            imported_movie_schema.fields["image_url"].deserialize(cell)
            return cell
        return None
    return cell


def _read_row(line: int, given: Mapping[str, Any], kind: Any) -> Row:
    if isinstance(kind, str) and re.sub(r"[\W_]", "", kind).casefold() in NOT_MOVIES:
        return _not_imported(line, given, Outcome.SKIPPED, f"Is no movie, but: {_shown(kind)}.")
    try:
        movie = load(imported_movie_schema, {**given, "year": _read_year(given.get("year"))})
        return Row(line, movie)
    except ValidationError as error:
        reason = " ".join(problem["message"] for problem in problems(error))
        return _not_imported(line, given, Outcome.REFUSED, reason)


def _not_imported(line: int, given: Mapping[str, Any], outcome: Outcome, reason: str) -> Row:
    shown = {name: _shown(given.get(key)) for name, key in MOVIE_FIELDS.items()}
    return Row(line, shown, outcome, reason)


def _read_year(year: Any) -> Any:
    # Spreadsheets write 1999.0, and other programs 0 for an unknown year.
    if isinstance(year, float):
        year = str(year)
    if not isinstance(year, str):
        return year
    whole, _, fraction = year.strip().partition(".")
    year = year.strip() if fraction.strip("0") else whole
    return None if year in ("", "0") else year


def _shown(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    return CONTROL_OR_SURROGATE.sub("\ufffd", value[:TITLE_LENGTH])
