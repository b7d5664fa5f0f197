"""Limits on how often something may be tried, exact over all workers and hosts.

The algorithm is GCRA (generic cell rate algorithm, ITU-T I.371): one time for each key says until
when what was used is used up, and one statement compares and moves it, so that of any number of
racing tries exactly as many pass as should. The times are in an unlogged table of PostgreSQL,
without which nobody could log in anyway.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import wraps
from hashlib import sha256
from math import ceil
from typing import Any, TypeVar, cast

from flask import current_app
from sqlalchemy import Interval, String, bindparam, case, func, select, update
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError

from playlist_api.api.operations import operation_of
from playlist_api.config import Limit
from playlist_api.db.models import RateLimit
from playlist_api.db.statements import Query
from playlist_api.errors import TooManyRequests, Unauthorized, WrongPassword
from playlist_api.ops import events
from playlist_api.ops.clients import client_address

log = logging.getLogger(__name__)

View = TypeVar("View", bound=Callable[..., Any])

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
"""Gives a try back."""


def throttled(kind: str) -> Callable[[View], View]:
    """Limit how often an address may call a view, by the setting `RATELIMIT_<KIND>`.

    :raises TooManyRequests: when it has done so too often.
    """

    def decorate(view: View) -> View:
        operation_of(view).failures |= {429, 502, 503}

        @wraps(view)
        def limited(*args: Any, **kwargs: Any) -> Any:
            hit(kind, client_address())
            return view(*args, **kwargs)

        return cast(View, limited)

    return decorate


def hit(kind: str, who: str) -> None:
    """Count one try of an address, or of anybody's for an account.

    :raises TooManyRequests: when there were too many.
    :raises DBAPIError: when the database is away.
    """
    if not current_app.config["RATELIMIT_ENABLED"]:
        return
    limit, key = _limit(kind), _key(kind, who)
    if not charged(key_hash=key, cost=limit.cost, period=limit.period):
        [(ahead,)] = looked_up(key_hash=key)
        wait: timedelta = ahead + limit.cost - limit.period
        events.record("throttled", limit=kind)
        message = "Too many tries. Please wait a little."
        raise TooManyRequests(message, max(1, ceil(wait.total_seconds())))


@contextmanager
def limit_failed_logins(account: str) -> Iterator[None]:
    """Count a guess at an account's password from the caller's address, unless it is right.

    The count is kept for each pair of account and address, so that nobody's guesses lock the owner
    out elsewhere, and for each address, so that nobody tries one password on all accounts.

    :raises TooManyRequests: when there were too many wrong ones.
    """
    address, charged_to = client_address(), dict[str, str]()
    # The address first: a try of one that has used up its limit leaves no row for the account.
    tries = {"address": address, "login": f"{account} {address}"}
    try:
        for kind, who in tries.items():
            hit(kind, who)
            charged_to[kind] = who
        yield
    except (Unauthorized, WrongPassword):
        raise
    except Exception:
        _refund(charged_to)
        raise
    _refund(charged_to)


def _refund(tries: dict[str, str]) -> None:
    if not current_app.config["RATELIMIT_ENABLED"]:
        return
    try:
        for kind, who in tries.items():
            refunded(key_hash=_key(kind, who), cost=_limit(kind).cost)
    except DBAPIError as error:
        # What the guess was for has been done, and its answer must not say otherwise.
        log.warning("A try is not given back: %s", error)


def _limit(kind: str) -> Limit:
    return cast(Limit, current_app.config[f"RATELIMIT_{kind.upper()}"])


def _key(kind: str, who: str) -> str:
    return sha256(f"{kind} {who}".encode()).hexdigest()
