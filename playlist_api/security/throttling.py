"""Limits on how often something may be tried, exact over all workers and hosts.

The store is PostgreSQL itself: without it nobody could log in anyway, so that no loss of a store
can fail a login or open the door. The algorithm is GCRA (generic cell rate algorithm, ITU-T
I.371): one time for each key says until when what was used is used up, and one statement compares
and moves it, so that of any number of racing tries exactly as many pass as should.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import wraps
from hashlib import sha256
from ipaddress import IPv6Address, ip_address, ip_network
from math import ceil
from typing import Any, TypeVar, cast

from flask import current_app, request
from sqlalchemy import Interval, String, bindparam, func, select, update
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError

from playlist_api import events
from playlist_api.config.fields import Limit
from playlist_api.database import db
from playlist_api.errors import TooManyRequests, Unauthorized, WrongPassword
from playlist_api.models import RateLimit
from playlist_api.operations import operation_of
from playlist_api.statements import Query

CUSTOMER_PREFIX = 64
"""Bits of an IPv6 address that name a customer, who has all addresses behind it: RFC 6177."""

_cost = sql_cast(bindparam("cost"), Interval)
_period = sql_cast(bindparam("period"), Interval)
_moved = func.greatest(RateLimit.used_until, func.now()) + _cost
_of_key = RateLimit.key == bindparam("key_hash", type_=String)

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

refunded = Query(
    "refunded",
    update(RateLimit)
    .where(_of_key)
    .values({RateLimit.used_until: RateLimit.used_until - _cost})
    .returning(RateLimit.key),
)

log = logging.getLogger(__name__)

View = TypeVar("View", bound=Callable[..., Any])


def throttled(kind: str) -> Callable[[View], View]:
    """Limit how often an address may call a view, by the setting `RATELIMIT_<KIND>`.

    :raises TooManyRequests: when it has done so too often.
    """

    def decorate(view: View) -> View:
        operation_of(view).failures |= {429, 503}

        @wraps(view)
        def limited(*args: Any, **kwargs: Any) -> Any:
            charge(kind)
            return view(*args, **kwargs)

        return cast(View, limited)

    return decorate


def charge(kind: str, account: str = "") -> None:
    """Count one try of the caller's address, or of anybody's for an `account`.

    :raises TooManyRequests: when there were too many.
    """
    _charge(kind, account or _address())


@contextmanager
def guess(account: str) -> Iterator[None]:
    """Count a guess at an account's password from the caller's address, unless it is right.

    The count is kept for each pair of account and address, so that nobody's guesses lock the owner
    out elsewhere, and for each address, so that nobody tries one password on all accounts.

    :raises TooManyRequests: when there were too many wrong ones.
    """
    tries = [("login", f"{account} {_address()}"), ("address", _address())]
    for kind, key in tries:
        _charge(kind, key)
    try:
        yield
    except (Unauthorized, WrongPassword):
        raise
    except Exception:
        _refund(tries)
        raise
    _refund(tries)


def _address() -> str:
    told = request.remote_addr or ""
    try:
        address = ip_address(told)
    except ValueError:
        return told  # a proxy may add a port, or no address at all
    if isinstance(address, IPv6Address) and not address.ipv4_mapped:
        return str(ip_network((address, CUSTOMER_PREFIX), strict=False))
    return str(getattr(address, "ipv4_mapped", address))


def _limit(kind: str) -> Limit:
    return cast(Limit, current_app.config[f"RATELIMIT_{kind.upper()}"])


def _key(kind: str, who: str) -> str:
    return sha256(f"{kind} {who}".encode()).hexdigest()


def _charge(kind: str, who: str) -> None:
    if not current_app.config["RATELIMIT_ENABLED"]:
        return
    limit, key = _limit(kind), _key(kind, who)
    if not charged(key_hash=key, cost=limit.cost, period=limit.period):
        events.record("throttled", limit=kind)
        raise TooManyRequests("Too many tries. Please wait a little.", _wait(key, limit))


def _refund(tries: Iterable[tuple[str, str]]) -> None:
    if not current_app.config["RATELIMIT_ENABLED"]:
        return
    try:
        for kind, who in tries:
            refunded(key_hash=_key(kind, who), cost=_limit(kind).cost)
    except DBAPIError as error:
        # What the guess was for has been done, and its answer must not say otherwise.
        log.warning("A try is not given back: %s", error)


def _wait(key: str, limit: Limit) -> int:
    used = select(RateLimit.used_until, func.now()).where(RateLimit.key == key)
    until, now = db.session.execute(used).one()
    return max(1, ceil((until - now + limit.cost - limit.period).total_seconds()))
