"""Limits on how often something may be tried, exact over all workers and hosts.

The algorithm is GCRA (generic cell rate algorithm, ITU-T I.371): one time for each key says until
when what was used is used up, and one step compares and moves it, so that of any number of racing
tries exactly as many pass as should.

The times are kept in Redis, if there is a `REDIS_URL`, and else in PostgreSQL, which also takes
over at once when Redis is away: without PostgreSQL nobody could log in anyway, so that no loss of a
store can fail a login or open the door. Each store counts on from what it knows itself, so that the
loss of Redis gives whoever is trying the limit a second time, and a third if it comes back empty.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial, wraps
from hashlib import sha256
from typing import Any, TypeVar, cast

from flask import Flask, current_app
from sqlalchemy.exc import DBAPIError

from playlist_api import events
from playlist_api.clients import client_address
from playlist_api.config.fields import Limit
from playlist_api.config.settings import Settings
from playlist_api.errors import TooManyRequests, Unauthorized, WrongPassword
from playlist_api.operations import operation_of
from playlist_api.security import postgres_limits

log = logging.getLogger(__name__)

View = TypeVar("View", bound=Callable[..., Any])

Refund = Callable[[], None]
"""Gives a try back to the store that has counted it."""


def init_app(app: Flask, settings: Settings) -> None:
    """Have the application count in Redis, if it has one; nothing connects yet."""
    app.extensions["redis_limits"] = None
    if settings.redis_url:
        # It takes memory and time that only a process which has a Redis should pay for.
        from playlist_api.security.redis_limits import RedisLimits

        app.extensions["redis_limits"] = RedisLimits(settings.redis_url)


def throttled(kind: str) -> Callable[[View], View]:
    """Limit how often an address may call a view, by the setting `RATELIMIT_<KIND>`.

    :raises TooManyRequests: when it has done so too often.
    """

    def decorate(view: View) -> View:
        operation_of(view).failures |= {429, 502, 503}

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
    _charge(kind, account or client_address())


@contextmanager
def guess(account: str) -> Iterator[None]:
    """Count a guess at an account's password from the caller's address, unless it is right.

    The count is kept for each pair of account and address, so that nobody's guesses lock the owner
    out elsewhere, and for each address, so that nobody tries one password on all accounts.

    :raises TooManyRequests: when there were too many wrong ones.
    """
    address = client_address()
    refunds = [_charge("login", f"{account} {address}"), _charge("address", address)]
    try:
        yield
    except (Unauthorized, WrongPassword):
        raise
    except Exception:
        _give_back(refunds)
        raise
    _give_back(refunds)


def _limit(kind: str) -> Limit:
    return cast(Limit, current_app.config[f"RATELIMIT_{kind.upper()}"])


def _key(kind: str, who: str) -> str:
    return sha256(f"{kind} {who}".encode()).hexdigest()


def _charge(kind: str, who: str) -> Refund:
    if not current_app.config["RATELIMIT_ENABLED"]:
        return lambda: None
    wait, refund = _count(_key(kind, who), _limit(kind))
    if wait:
        events.record("throttled", limit=kind)
        raise TooManyRequests("Too many tries. Please wait a little.", wait)
    return refund


def _count(key: str, limit: Limit) -> tuple[int, Refund]:
    redis = current_app.extensions["redis_limits"]
    if redis and (wait := redis.charge(key, limit)) is not None:
        return wait, partial(redis.refund, key, limit)
    return postgres_limits.charge(key, limit), partial(postgres_limits.refund, key, limit)


def _give_back(refunds: Iterable[Refund]) -> None:
    try:
        for refund in refunds:
            refund()
    except DBAPIError as error:
        # What the guess was for has been done, and its answer must not say otherwise.
        log.warning("A try is not given back: %s", error)
