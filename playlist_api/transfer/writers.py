"""The formats in which a list is exported."""

import csv
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from playlist_api.api.json import WRITTEN_AT_ONCE, with_lists

FORMULA = re.compile(r"'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
"""The beginning of a cell that a spreadsheet may take for a formula, also in full-width characters
(https://owasp.org/www-community/attacks/CSV_Injection). Apostrophes before it belong to it, so that
one more can always be taken away again."""

FORMULA_SIGNS = "=+-@"

Movie = dict[str, Any]


def guarded(cell: str) -> str:
    """Put an apostrophe before a cell that a spreadsheet may take for a formula."""
    return f"'{cell}" if FORMULA.match(cell) else cell


def unguarded(cell: str) -> str:
    """Undo `guarded`. A cell that was not guarded, such as `'71`, stays as it is."""
    return cell[1:] if cell.startswith("'") and FORMULA.match(cell) else cell


def _csv(movies: Iterable[Movie]) -> Iterator[bytes]:
    # Without a byte order mark, Excel does not read UTF-8.
    return _table(
        "\ufefftitle,year,imageUrl,createdAt",
        (
            (
                guarded(movie["title"]),
                movie["year"],
                _without_formulas(movie["imageUrl"] or ""),
                f"{movie['createdAt'].isoformat()}Z",
            )
            for movie in movies
        ),
    )


def _without_formulas(url: str) -> str:
    # A spreadsheet that separates cells by semicolons would find formulas inside of a URL, whose
    # quotes it ignores. A regular expression takes 0.5 ms for a URL of nothing but `;=`.
    for sign in FORMULA_SIGNS:
        url = url.replace(f";{sign}", f"%3B{sign}")
    return url


def _letterboxd(movies: Iterable[Movie]) -> Iterator[bytes]:
    # https://letterboxd.com/about/importing-data/
    return _table("Title,Year", ((guarded(movie["title"]), movie["year"]) for movie in movies))


class _Echo:
    """A file that returns what is written to it: `csv.writer` passes it on."""

    def write(self, text: str) -> str:
        return text


def _table(header: str, rows: Iterable[tuple[str | None, ...]]) -> Iterator[bytes]:
    yield f"{header}\r\n".encode()
    # All cells are quoted, so that a semicolon in a title separates nothing anywhere.
    write, remaining = csv.writer(_Echo(), quoting=csv.QUOTE_ALL).writerow, iter(rows)
    while written := [write(row) for row in islice(remaining, WRITTEN_AT_ONCE)]:
        yield "".join(written).encode()


WRITERS: dict[str, tuple[str, str, Callable[[Iterable[Movie]], Iterator[bytes]]]] = {
    "json": (
        "playlist-movies.json",
        "application/json",
        lambda movies: with_lists({}, {"movies": movies}),
    ),
    "csv": ("playlist-movies.csv", "text/csv", _csv),
    "letterboxd": ("playlist-letterboxd.csv", "text/csv", _letterboxd),
}
"""For each format: the name of its files, their media type, and what writes them bit by bit."""
