"""One row of a file: what became of it, and how it is loaded."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import ValidationError

from playlist_api.api.fields import CONTROL_OR_SURROGATE, load, problems
from playlist_api.db.models import TITLE_LENGTH
from playlist_api.movies.schemas import imported_movie_schema
from playlist_api.transfer.schemas import Outcome

NUMBER = re.compile(r"([0-9]{1,4})\.0{1,16}")
"""A year as spreadsheets and floating-point numbers have it."""

UNKNOWN_YEARS = frozenset({"", "0"})


@dataclass(slots=True)
class Row:
    """A row as the report has it: the movie is as it was loaded or, if it was not, as it came.

    There is no outcome until the list has been asked.
    """

    line: int
    title: str | None
    year: str | None
    image_url: str | None = None
    outcome: Outcome | None = None
    movie_id: int | None = None
    reason: str | None = None


def as_row(row: Row) -> dict[str, Any]:
    """Name what a client gets of a row."""
    return {
        "line": row.line,
        "outcome": row.outcome,
        "title": row.title,
        "year": row.year,
        "movieId": row.movie_id,
        "reason": row.reason,
    }


def loaded(line: int, fields: Mapping[str, Any]) -> Row:
    """Load a movie as a client's would be; what no client could have sent is refused."""
    cleaned = {**fields, "year": cleaned_year(fields.get("year"))}
    try:
        return Row(line, **load(imported_movie_schema, cleaned))
    except ValidationError as error:
        reason = " ".join(problem["message"] for problem in problems(error))
        return undone(line, fields, Outcome.REFUSED, reason)


def undone(line: int, fields: Mapping[str, Any], outcome: Outcome, reason: str) -> Row:
    """Tell of a row that is not loaded."""
    title, year = _shown(fields.get("title")), _shown(fields.get("year"))
    return Row(line, title, year, outcome=outcome, reason=reason)


def skipped(line: int, fields: Mapping[str, Any], kind: str) -> Row:
    """Tell of a row that is about something else than a movie."""
    return undone(line, fields, Outcome.SKIPPED, f"Is no movie, but: {_shown(kind)}.")


def cleaned_year(year: Any) -> Any:
    """Read a year as other programs write it: 1999.0, or 0 where it is not known."""
    if isinstance(year, (int, float)) and not isinstance(year, bool):
        year = str(year)
    if isinstance(year, str):
        year = year.strip()
        number = NUMBER.fullmatch(year)
        year = number[1] if number else year
        return None if year in UNKNOWN_YEARS else year
    return year


def _shown(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    return CONTROL_OR_SURROGATE.sub("\ufffd", value[:TITLE_LENGTH])
