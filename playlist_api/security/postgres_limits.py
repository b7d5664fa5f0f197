"""Limits kept in PostgreSQL: one unlogged row for each key, and one statement for each try."""

from datetime import timedelta
from math import ceil

from sqlalchemy import Interval, String, bindparam, case, func, select, update
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects.postgresql import insert

from playlist_api.config.fields import Limit
from playlist_api.models import RateLimit
from playlist_api.statements import Query

_cost = sql_cast(bindparam("cost"), Interval)
_period = sql_cast(bindparam("period"), Interval)
_of_key = RateLimit.key == bindparam("key_hash", type_=String)
_used = case(
    # No try moves it as far as that: the server's clock was set back, or the limit changed.
    (RateLimit.used_until > func.now() + _period, func.now()),
    else_=func.greatest(RateLimit.used_until, func.now()),
)
_moved = _used + _cost

charged = Query(
    "charged",
    insert(RateLimit)
    .values({RateLimit.key: _of_key.right, RateLimit.used_until: func.now() + _cost})
    .on_conflict_do_update(
        index_elements=[RateLimit.key],
        set_={RateLimit.used_until: _moved},
        where=_moved <= func.now() + _period,
    )
    .returning(RateLimit.key),
)
"""Counts a try; no row if it is one too many."""

looked_up = Query("looked_up", select(RateLimit.used_until - func.now()).where(_of_key))
"""Tells how far ahead of time a key is."""

refunded = Query(
    "refunded",
    update(RateLimit)
    .where(_of_key)
    .values({RateLimit.used_until: RateLimit.used_until - _cost})
    .returning(RateLimit.key),
)


def charge(key: str, limit: Limit) -> int:
    """Count a try and return 0, or return in how many seconds there may be another.

    :raises DBAPIError: when the database is away.
    """
    if charged(key_hash=key, cost=limit.cost, period=limit.period):
        return 0
    [(ahead,)] = looked_up(key_hash=key)
    wait: timedelta = ahead + limit.cost - limit.period
    return max(1, ceil(wait.total_seconds()))


def refund(key: str, limit: Limit) -> None:
    """Give a try back.

    :raises DBAPIError: when the database is away.
    """
    refunded(key_hash=key, cost=limit.cost)
