"""The statements that read a page of a list: for each order of the list, they are made once.

Each row has the total, whether anything comes before the page, and a movie of the page; an empty
page is one row without a movie, and a list that may not be seen has no row.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    DateTime,
    FromClause,
    Select,
    String,
    Uuid,
    and_,
    bindparam,
    cast,
    func,
    literal_column,
    or_,
    select,
    true,
    tuple_,
    union_all,
)

from playlist_api.db.models import Movie, MovieCount, sort_title, sort_year
from playlist_api.db.statements import Query, Search, columns_of
from playlist_api.movies.cursors import NEWEST_FIRST, SORTS
from playlist_api.movies.queries import caller
from playlist_api.movies.schemas import movie_schema

BYTES = "C"
"""The collation of folded titles: the one that no upgrade of a server changes."""

_moment = cast(bindparam("key"), DateTime(timezone=True))
_text = cast(bindparam("key"), String)

Key = ColumnElement[Any]

KEYS: dict[str, tuple[Any, Key]] = {
    "createdAt": (Movie.created_at, _moment),
    "updatedAt": (Movie.updated_at, _moment),
    "title": (sort_title.collate(BYTES), func.sort_title(_text).collate(BYTES)),
    "year": (sort_year, _text),
}
"""What each order compares first: of a movie, and of a place."""

_offset = cast(bindparam("offset"), BigInteger)
_id = cast(bindparam("id"), BigInteger)
_search, _first, _last = (cast(bindparam(name), String) for name in ("search", "first", "last"))
_owner = bindparam("user_id", type_=Uuid)

_total = func.coalesce(MovieCount.movies, 0)
# Joined before the page, the total is looked up once, and not for each of its rows.
_callers = caller.outerjoin(MovieCount, MovieCount.owner_id == caller.c.id)


def reversed_sort(sort: str) -> str:
    """Return the same order, read from its end."""
    return sort.removeprefix("-") if sort.startswith("-") else f"-{sort}"


def _ordered(rows: Select[Any], sort: str, *key: Key) -> Select[Any]:
    return rows.order_by(*(column.desc() if sort.startswith("-") else column for column in key))


def _beyond(sort: str, *key: Key) -> ColumnElement[bool]:
    # A comparison of rows is one range of the index, wherever in a long list it begins.
    _, place = KEYS[sort.removeprefix("-")]
    mine, theirs = tuple_(*key), tuple_(place, _id)
    return mine < theirs if sort.startswith("-") else mine > theirs


def _key(sort: str) -> tuple[Any, Any]:
    return KEYS[sort.removeprefix("-")][0], Movie.id


def _own(sort: str, *columns: Any) -> Select[Any]:
    own = select(*columns).where(Movie.owner_id == caller.c.id)
    return _ordered(own, sort, *_key(sort)).limit(bindparam("limit"))


def _numbered(sort: str) -> Select[Any]:
    if sort == NEWEST_FIRST:
        page = _own(sort, Movie).offset(_offset).lateral("page")
        return _with_total(_offset > literal_column("0"), page)
    # What is in front of the page is in the index; and of each movie in it, PostgreSQL would think
    # that it is one of many, and read all of them.
    chosen = _own(sort, Movie.id).offset(_offset).lateral("chosen")
    whole = select(Movie).where(Movie.id == chosen.c.id).limit(literal_column("1")).lateral("page")
    return _with_total(_offset > literal_column("0"), whole, chosen)


def _keyset(sort: str) -> Select[Any]:
    page = _own(sort, Movie).where(_beyond(sort, *_key(sort))).lateral("page")
    # Of the owner by their id as it is given, so that it is looked up once, and not for each row;
    # and the nearest one, for which there is nothing but the index.
    others = select(Movie.id).where(Movie.owner_id == _owner, ~_beyond(sort, *_key(sort)))
    nearest = _ordered(others, reversed_sort(sort), *_key(sort)).limit(literal_column("1"))
    return _with_total(nearest.scalar_subquery().is_not(None), page)


def _with_total(behind: ColumnElement[bool], *rows: FromClause) -> Select[Any]:
    columns: list[Any] = [_total, behind, *columns_of(rows[0], movie_schema.names)]
    joined = _callers
    for each in reversed(rows):
        joined = joined.outerjoin(each, true())
    return select(*columns).select_from(joined)


def _search_page(sort: str) -> Select[Any]:
    matches = union_all(
        select(func.movies_found(_owner, _search, _first, _last).label("id")).where(
            _search.is_not(None)
        ),
        select(Movie.id).where(
            _search.is_(None), Movie.owner_id == _owner, sort_year.between(_first, _last)
        ),
    ).cte("matches")
    key, movie_id = _key(sort)
    # The list is walked in its order, and what does not match is left out. To sort the matches,
    # the title of each would have to be folded anew; in the index it is folded. Without IS TRUE
    # this would be a join, which has no order.
    among = movie_id.in_(select(matches.c.id)).is_(true())
    mine = select(movie_id, key.label("key")).where(Movie.owner_id == _owner, among)
    onwards = mine.where(or_(_id.is_(None), _beyond(sort, key, movie_id)))
    chosen = _ordered(onwards, sort, key, movie_id).limit(bindparam("limit")).offset(_offset)
    page = chosen.subquery("page")
    earlier = mine.where(~_beyond(sort, key, movie_id)).exists()
    behind = or_(_offset > literal_column("0"), and_(_id.is_not(None), earlier))
    total = select(func.count()).select_from(matches).scalar_subquery()
    columns: list[Any] = [total, behind, *columns_of(Movie, movie_schema.names)]
    rows = caller.outerjoin(page.join(Movie, Movie.id == page.c.id), true())
    return _ordered(select(*columns).select_from(rows), sort, page.c.key, page.c.id)


def _by_sort(
    kind: type[Query], name: str, statement: Callable[[str], Select[Any]]
) -> dict[str, Query]:
    return {sort: kind(f"{name}_by_{_identifier(sort)}", statement(sort)) for sort in SORTS}


def _identifier(sort: str) -> str:
    return sort.lower().lstrip("-") + "_desc" * sort.startswith("-")


numbered_pages = _by_sort(Query, "page", _numbered)
"""For each order, a page that begins at an offset."""

keyset_pages = _by_sort(Query, "page_after", _keyset)
"""For each order, a page that begins at a place; in front of it is the place's own movie."""

search_pages = _by_sort(Search, "search", _search_page)
"""For each order, either kind of page, of the movies that are searched for."""
