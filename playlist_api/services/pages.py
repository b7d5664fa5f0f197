"""Pages of a list, from a replica where it has what the primary has.

The primary says whether the session is alive, and which version of the list is the newest one; the
replica gives the page if it has that version, and nothing if it has not. So nobody is let in whose
session has ended, and nobody misses what was written before they asked, by whomever and wherever,
however far the replica is behind.
"""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from sqlalchemy import String, Text, bindparam, cast, func, literal_column, select

from playlist_api import replica
from playlist_api.bulkheads import Bulkhead
from playlist_api.clients import client_keys
from playlist_api.models import MovieCount
from playlist_api.security.tokens import Caller
from playlist_api.services.orders import Pages, Source, pages_of
from playlist_api.services.queries import caller
from playlist_api.statements import Query

DEEP = 10_000
"""Movies in front of a page from which on it is read like a search, as PostgreSQL counts them."""

bulkhead = Bulkhead(
    "searches",
    4,  # half of the connections, so that short statements find one
    concurrency_per_key=2,
    queue=8,
    timeout=3,  # as long as a search may take
    busy="Too many people are searching. Please try again in a moment.",
)

Rows = list[tuple[Any, ...]]

_total = func.coalesce(MovieCount.movies, 0)
# Joined before the page, the total is looked up once, and not for each of its rows.
_callers = caller.outerjoin(MovieCount, MovieCount.owner_id == caller.c.id)

newest = pages_of(Source(_callers, caller.c.id, _total), "of_movies")
"""The pages of the primary."""

# Who last changed the row that every change of the list changes: a replica has the very same rows.
_version = cast(literal_column('"MovieCount".xmin'), Text)

list_version = Query("list_version", select(_total, _version).select_from(_callers))
"""How many movies the caller has, and which version of their list is the newest."""

_counted = (
    select(MovieCount)
    .where(
        MovieCount.owner_id == bindparam("user_id"),
        _version == bindparam("version", type_=String),
    )
    .cte("counted")
)

of_version = pages_of(Source(_counted, _counted.c.ownerId, _counted.c.movies), "of_version")
"""The same of one version of a list; there is no row if that is not there."""


def numbered_page(caller: Caller, sort: str, **wanted: Any) -> Rows:
    """Read a page that begins at an offset; no row says that the caller's session has ended.

    :raises TooManyRequests, ServiceUnavailable: when it is deep, and too many like it are read.
    """
    with bulkhead.slot(*client_keys()) if wanted["offset"] >= DEEP else nullcontext():
        return _read(caller, lambda pages: pages.numbered[sort], wanted)


def page_onwards(caller: Caller, sort: str, **wanted: Any) -> Rows:
    """Read a page that begins at a place, in the same way."""
    return _read(caller, lambda pages: pages.onwards[sort], wanted)


def page_found(caller: Caller, sort: str, **wanted: Any) -> Rows:
    """Return one page of search results, in the same way.

    :raises TooManyRequests, ServiceUnavailable: when too many searches are under way.
    """
    with bulkhead.slot(*client_keys()):
        return _read(caller, lambda pages: pages.found[sort], wanted)


def _read(caller: Caller, choose: Callable[[Pages], Query], wanted: dict[str, Any]) -> Rows:
    found = replica.due()
    if not found:
        return choose(newest)(**wanted, **caller._asdict())
    for total, version in list_version(**caller._asdict()):
        if not total:
            return [(0, False, None)]
        rows = found.ask(choose(of_version), user_id=caller.user_id, version=version, **wanted)
        return rows or choose(newest)(**wanted, **caller._asdict())
    return []
