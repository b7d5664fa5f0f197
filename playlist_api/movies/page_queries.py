"""Statements that read a page of a list, one for each order.

A row is a movie, the list's total, and whether anything precedes the page. An empty page is one row
without a movie; after the caller's session has ended, there is no row.
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
from sqlalchemy.orm import aliased

from playlist_api.db.models import Movie, MovieCount, sort_title, sort_year
from playlist_api.db.statements import Query, Search, columns_of
from playlist_api.movies.cursors import NEWEST_FIRST, SORTS
from playlist_api.movies.queries import caller, movie_columns
from playlist_api.movies.schemas import movie_schema

_time = cast(bindparam("key"), DateTime(timezone=True))
_text = cast(bindparam("key"), String)

KEYS: dict[str, tuple[Any, ColumnElement[Any]]] = {
    "createdAt": (Movie.created_at, _time),
    "updatedAt": (Movie.updated_at, _time),
    "title": (sort_title.collate("C"), func.sort_title(_text).collate("C")),
    "year": (sort_year, _text),
}
"""What each order compares first: of a movie, and of a cursor."""

_offset = cast(bindparam("offset"), BigInteger)
_id = cast(bindparam("id"), BigInteger)
_search, _first, _last = (cast(bindparam(name), String) for name in ("search", "first", "last"))
_owner = bindparam("user_id", type_=Uuid)
_any_skipped = _offset > literal_column("0")

# Joined before the page, so that the total is looked up once, not for each row.
_caller_with_total = caller.outerjoin(MovieCount, MovieCount.owner_id == caller.c.id)


def reversed_sort(sort: str) -> str:
    """Return the same order, read from its end."""
    return sort.removeprefix("-") if sort.startswith("-") else f"-{sort}"


def _sort_key(sort: str) -> tuple[Any, Any]:
    return KEYS[sort.removeprefix("-")][0], Movie.id


def _ordered(rows: Select[Any], sort: str, *key: ColumnElement[Any]) -> Select[Any]:
    return rows.order_by(*(column.desc() if sort.startswith("-") else column for column in key))


def _after(sort: str, *key: ColumnElement[Any]) -> ColumnElement[bool]:
    # A comparison of rows is one range of the index, however far into the list.
    _, place = KEYS[sort.removeprefix("-")]
    movie, cursor = tuple_(*key), tuple_(place, _id)
    return movie < cursor if sort.startswith("-") else movie > cursor


def _own(sort: str, *columns: Any) -> Select[Any]:
    own = select(*columns).where(Movie.owner_id == caller.c.id)
    return _ordered(own, sort, *_sort_key(sort)).limit(bindparam("limit"))


def _numbered_page(sort: str) -> Select[Any]:
    if sort == NEWEST_FIRST:
        return _with_total(_any_skipped, _own(sort, Movie).offset(_offset).lateral("page"))
    # Skipped rows need only the index. LIMIT 1, since the planner expects many rows for each id and
    # would scan the whole table.
    chosen = _own(sort, Movie.id).offset(_offset).lateral("chosen")
    page = select(Movie).where(Movie.id == chosen.c.id).limit(literal_column("1")).lateral("page")
    return _with_total(_any_skipped, page, chosen)


def _keyset_page(sort: str) -> Select[Any]:
    after = _after(sort, *_sort_key(sort))
    page = _own(sort, Movie).where(after).lateral("page")
    # By the owner's id as given, so that it is looked up once, not for each row; and only the
    # nearest movie, so that only the index can be used.
    others = select(Movie.id).where(Movie.owner_id == _owner, ~after)
    nearest = _ordered(others, reversed_sort(sort), *_sort_key(sort)).limit(literal_column("1"))
    return _with_total(nearest.scalar_subquery().is_not(None), page)


def _with_total(any_before: ColumnElement[bool], page: FromClause, *joined: Any) -> Select[Any]:
    columns = columns_of(aliased(Movie, page), movie_schema.names)
    rows = _caller_with_total
    for each in (*joined, page):
        rows = rows.outerjoin(each, true())
    return select(*columns, func.coalesce(MovieCount.movies, 0), any_before).select_from(rows)


def _search_page(sort: str) -> Select[Any]:
    matches = union_all(
        select(func.movies_found(_owner, _search, _first, _last).label("id")).where(
            _search.is_not(None)
        ),
        select(Movie.id).where(
            _search.is_(None), Movie.owner_id == _owner, sort_year.between(_first, _last)
        ),
    ).cte("matches")
    key, movie_id = _sort_key(sort)
    # Walk the list in its order and drop what does not match: sorting the matches would fold each
    # title anew, and the index has them folded. Without IS TRUE, the plan is an unordered join.
    matching = movie_id.in_(select(matches.c.id)).is_(true())
    own = select(movie_id, key.label("key")).where(Movie.owner_id == _owner, matching)
    after = _after(sort, key, movie_id)
    chosen = _ordered(own.where(or_(_id.is_(None), after)), sort, key, movie_id)
    page = chosen.limit(bindparam("limit")).offset(_offset).subquery("page")
    any_before = or_(_any_skipped, and_(_id.is_not(None), own.where(~after).exists()))
    total = select(func.count()).select_from(matches).scalar_subquery()
    rows = caller.outerjoin(page.join(Movie, Movie.id == page.c.id), true())
    found = select(*movie_columns, total, any_before).select_from(rows)
    return _ordered(found, sort, page.c.key, page.c.id)


def _for_each_sort(
    kind: type[Query], name: str, statement: Callable[[str], Select[Any]]
) -> dict[str, Query]:
    def named(sort: str) -> str:
        return f"{name}_by_{sort.lower().lstrip('-')}" + "_desc" * sort.startswith("-")

    return {sort: kind(named(sort), statement(sort)) for sort in SORTS}


numbered_pages = _for_each_sort(Query, "page", _numbered_page)
"""For each order, a page that starts at an offset."""

keyset_pages = _for_each_sort(Query, "page_after", _keyset_page)
"""For each order, a page that starts after a cursor."""

search_pages = _for_each_sort(Search, "search", _search_page)
"""For each order, a page of search results that starts at an offset or after a cursor."""
