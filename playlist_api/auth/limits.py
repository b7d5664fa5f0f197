"""Rate limits, exact over all workers and hosts.

The algorithm is GCRA (generic cell rate algorithm, ITU-T I.371). One timestamp for each key says
until when its past hits use up the limit, and one statement compares and moves it, so that racing
hits cannot exceed the limit. The timestamps are in an unlogged table of PostgreSQL, without which
nobody could log in anyway.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from math import ceil

from flask import current_app
from sqlalchemy import Interval, String, bindparam, case, cast, func, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError

from playlist_api.api.identity import check_first
from playlist_api.api.operations import View
from playlist_api.config import Limit
from playlist_api.db.models import RateLimit
from playlist_api.db.statements import Query
from playlist_api.errors import TooManyRequests, Unauthorized, WrongPassword
from playlist_api.ops.bulkheads import client_address
from playlist_api.ops.logs import record_event

log = logging.getLogger(__name__)

_hit_key = bindparam("key_hash", type_=String)
_hit_cost = cast(bindparam("cost"), Interval)
_period = cast(bindparam("period"), Interval)
_used_until = case(
    # Only a clock that was set back, or a limit that was changed, leaves a time beyond the period.
    (RateLimit.used_until > func.now() + _period, func.now()),
    else_=func.greatest(RateLimit.used_until, func.now()),
)

count_hit = Query(
    "count_hit",
    insert(RateLimit)
    .values({RateLimit.key: _hit_key, RateLimit.used_until: func.now() + _hit_cost})
    .on_conflict_do_update(
        index_elements=[RateLimit.key],
        set_={RateLimit.used_until: _used_until + _hit_cost},
        where=_used_until + _hit_cost <= func.now() + _period,
    )
    .returning(RateLimit.key),
)
"""Counts a hit; no row if it exceeds the limit."""

undo_hit = Query(
    "undo_hit",
    update(RateLimit)
    .where(RateLimit.key == _hit_key)
    .values({RateLimit.used_until: RateLimit.used_until - _hit_cost})
    .returning(RateLimit.key),
)
"""Takes a hit back."""


def rate_limit(name: str) -> Callable[[View], View]:
    """Limit how often a client's address may call a view, by the setting `RATELIMIT_<NAME>`.

    :raises TooManyRequests: when it has called too often.
    """
    return lambda view: check_first(view, lambda: hit(name, client_address()), 502, 503)


def hit(name: str, key: str) -> None:
    """Count a request of a key, such as an address or an account, against a limit.

    :raises TooManyRequests: when it exceeds the limit.
    """
    if not current_app.config["RATELIMIT_ENABLED"]:
        return
    limit: Limit = current_app.config[f"RATELIMIT_{name.upper()}"]
    if not count_hit(key_hash=_hash_key(name, key), cost=limit.cost, period=limit.period):
        record_event("throttled", limit=name)
        # The limit has room for another hit after this time at the latest.
        retry_after = ceil(limit.cost.total_seconds())
        raise TooManyRequests("Too many tries. Please wait a little.", retry_after)


@contextmanager
def limit_failed_logins(email: str) -> Iterator[None]:
    """Count an attempt to prove an account's password, unless the password is right.

    The limit for a pair of account and address stops guesses without locking the owner out
    elsewhere; the limit for an address stops guesses of one password for many accounts.

    :raises TooManyRequests: after too many failed attempts.
    """
    address = client_address()
    hits = list[tuple[str, str]]()
    try:
        # The address first: if its limit is used up, no row is added for the account.
        for name, key in (("address", address), ("login", f"{email} {address}")):
            hit(name, key)
            hits.append((name, key))
        yield
    except (Unauthorized, WrongPassword):
        hits.clear()
        raise
    finally:
        for name, key in hits:
            _undo(name, key)


def _undo(name: str, key: str) -> None:
    if not current_app.config["RATELIMIT_ENABLED"]:
        return
    limit: Limit = current_app.config[f"RATELIMIT_{name.upper()}"]
    try:
        undo_hit(key_hash=_hash_key(name, key), cost=limit.cost)
    except DBAPIError as error:
        # The request itself has been served.
        log.warning("A hit of the limit %s could not be taken back: %s", name, error)


def _hash_key(name: str, key: str) -> str:
    return sha256(f"{name} {key}".encode()).hexdigest()
