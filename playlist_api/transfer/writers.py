"""The formats in which a list is exported."""

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

SPECIAL = re.compile('[,;"\t\r\n]')

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


def _table(header: str, rows: Iterable[tuple[str | None, ...]]) -> Iterator[bytes]:
    yield f"{header}\r\n".encode()
    remaining = iter(rows)
    while batch := list(islice(remaining, WRITTEN_AT_ONCE)):
        yield "".join(f"{','.join(map(_quoted, row))}\r\n" for row in batch).encode()


def _quoted(cell: str | None) -> str:
    # By RFC 4180, and semicolons as well, which `csv.writer` does not quote: they separate cells in
    # the spreadsheets of many countries, where `a;=1+1` would be a formula.
    cell = cell or ""
    return '"{}"'.format(cell.replace('"', '""')) if SPECIAL.search(cell) else cell


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
