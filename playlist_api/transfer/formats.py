"""Whose files there are: each is recognised by its columns, and says where a movie is in them."""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

NOT_MOVIES = frozenset(
    {
        *("tvseries", "tvminiseries", "miniseries", "tvepisode", "tvpilot"),
        *("videogame", "musicvideo", "podcastseries", "podcastepisode"),
        *("tv", "tvshow", "show", "series", "season", "episode", "anime", "manga"),
        *("game", "book", "comic", "music", "album", "podcast", "person", "list"),
    }
)
"""Types of titles that are no movies: IMDb's, in the spellings of all years (`TV Mini Series` was
`tvMiniSeries`, and `Mini-Series` before), and what other services call them. Films made for
television, specials and shorts are films to other services too. In accounts of other languages the
types are translated."""


class Format(NamedTuple):
    """A kind of file: the columns that tell it, and those of a movie, all in lower case."""

    name: str
    header: frozenset[str]
    title: str = "title"
    year: str = "year"
    image: str = "imageurl"
    kind: str = ""
    """The column that says what a row is about."""
    is_movie: Callable[[str], bool] = bool
    own: bool = False
    """Whether its cells may be guarded against spreadsheets (see `exports`), and its pictures are
    meant for us: another service's that we cannot use is left out, and the movie is not refused."""

    @property
    def columns(self) -> tuple[str, str, str, str]:
        """Where the title is, the year, the picture and the kind."""
        return self.title, self.year, self.image, self.kind


def may_be_movie(kind: str) -> bool:
    """Tell whether a title of this type is a movie, or of a type that is not known."""
    return re.sub(r"[\W_]", "", kind).casefold() not in NOT_MOVIES


def _is_called_movie(kind: str) -> bool:
    return kind.strip().casefold() == "movie"


FORMATS = (
    Format("letterboxd", frozenset({"name", "year", "letterboxd uri"}), title="name"),
    Format("letterboxdList", frozenset({"position", "name", "year", "url"}), title="name"),
    Format(
        "imdb",
        frozenset({"const", "title", "year"}),
        kind="title type",
        is_movie=may_be_movie,
    ),
    Format("movary", frozenset({"title", "year", "tmdbid", "imdbid"})),
    Format(
        "yamtrack",
        frozenset({"media_id", "media_type", "title"}),
        image="image",
        kind="media_type",
        is_movie=_is_called_movie,
    ),
    Format("csv", frozenset({"title"}), kind="type", is_movie=may_be_movie, own=True),
)
"""From the particular to the general; `csv` is our own, and whatever has a column `title`."""


def recognised(header: Sequence[str]) -> Format | None:
    """Find the format that has these columns and perhaps more, in any order and case."""
    columns = set(header)
    return next((known for known in FORMATS if known.header <= columns), None)
