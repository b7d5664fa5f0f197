"""Pages of a list, from a replica where it has what the primary has.

The primary says whether the session is alive, and which version of the list is the newest one; the
replica gives the page if it has that version, and nothing if it has not. So nobody is let in whose
session has ended, and nobody misses what was written before they asked, by whomever and wherever,
however far the replica is behind.
"""

from typing import Any

from sqlalchemy import Select, String, Text, bindparam, cast, func, literal_column, select, true

from playlist_api import replica
from playlist_api.models import MovieCount
from playlist_api.schemas.answers import movie_answer
from playlist_api.security.tokens import Caller
from playlist_api.services import queries
from playlist_api.services.queries import after, caller, newest_first
from playlist_api.statements import Query, columns_of

Rows = list[tuple[Any, ...]]

# Who last changed the row that every change of the list changes: a replica has the very same rows.
_version = cast(literal_column('"MovieCount".xmin'), Text)

list_version = Query(
    "list_version",
    select(func.coalesce(MovieCount.movies, 0), _version).select_from(
        caller.outerjoin(MovieCount, MovieCount.owner_id == caller.c.id)
    ),
)
"""How many movies the caller has, and which version of their list is the newest."""

_counted = (
    select(MovieCount)
    .where(
        MovieCount.owner_id == bindparam("user_id"),
        _version == bindparam("version", type_=String),
    )
    .cte("counted")
)
_page = newest_first(_counted.c.ownerId)


def _of_version(page: Select[Any]) -> Select[Any]:
    joined = page.lateral("page")
    columns = _counted.c.movies, *columns_of(joined, movie_answer.names)
    return select(*columns).select_from(_counted.outerjoin(joined, true()))


page_of_version = Query("page_of_version", _of_version(_page.offset(bindparam("offset"))))
"""What `page_of_movies` gives, of one version of a list; no row if it is not there."""

page_after_of_version = Query("page_after_of_version", _of_version(_page.where(after)))
"""The same of `page_after_cursor`."""


def numbered_page(caller: Caller, **wanted: Any) -> Rows:
    """Return the total and a movie in each row, one row of nulls if the page is empty.

    There is no row if the caller's session has ended.
    """
    return _read(caller, queries.page_of_movies, page_of_version, wanted)


def page_after(caller: Caller, **wanted: Any) -> Rows:
    """Return the same of a page that begins after a place in the list."""
    return _read(caller, queries.page_after_cursor, page_after_of_version, wanted)


def _read(caller: Caller, primary: Query, replicated: Query, wanted: dict[str, Any]) -> Rows:
    found = replica.due()
    if not found:
        return primary(**wanted, **caller._asdict())
    for total, version in list_version(**caller._asdict()):
        if not total:
            return [(0, None)]
        rows = found.ask(replicated, user_id=caller.user_id, version=version, **wanted)
        return rows or primary(**wanted, **caller._asdict())
    return []
