"""Limits kept in Redis, as long as it answers.

One script for each try compares and moves a key by the server's own clock, as the statement in
PostgreSQL does. A key expires when nothing of it is used up any more, so that nothing is pruned.
Redis 6.2 or newer, or Valkey.
"""

import logging
from datetime import timedelta

from redis import BlockingConnectionPool, Redis

from playlist_api.breaker import CircuitBreaker
from playlist_api.config.fields import Limit

PREFIX = "playlist_api:limit:"
"""Of all keys, so that others can use the same Redis."""

TIMEOUT = 0.25
"""Seconds that Redis may be silent, or all connections in use: several hundred times what an answer
within a data centre takes, enough for a busy worker to open one with TLS, and less than a person
who logs in notices."""

POOL_SIZE = 8
"""Connections that a worker opens at the most; each is back in a fraction of a millisecond."""

MICROSECOND = timedelta(microseconds=1)

MOVE = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local cost, period = tonumber(ARGV[1]), tonumber(ARGV[2])
local used = tonumber(redis.call('GET', KEYS[1]) or now)
if used < now or used > now + period then
    used = now
end
used = used + cost
if used > now + period then
    return math.ceil((used - now - period) / 1000000)
end
if used > now then
    redis.call('SET', KEYS[1], string.format('%.0f', used), 'PX', math.ceil((used - now) / 1000))
else
    redis.call('DEL', KEYS[1])
end
return 0
"""
"""Uses up the cost, unless it is more than is left: then it returns the seconds to wait for it. A
negative cost gives it back. Times are in microseconds, which Lua's numbers hold exactly until 2255.
One further ahead than a period was written before the clock was set back, and counts for nothing.
"""

log = logging.getLogger(__name__)


class RedisLimits:
    """Counts in Redis, and says so when it cannot."""

    def __init__(self, url: str) -> None:
        """Take a value of `REDIS_URL`; nothing connects yet, so that the process may fork."""
        connections = BlockingConnectionPool.from_url(
            url,
            max_connections=POOL_SIZE,
            timeout=TIMEOUT,
            socket_connect_timeout=TIMEOUT,
            socket_timeout=TIMEOUT,
            driver_info=None,  # two round trips more for each connection
            protocol=2,  # with 3, redis-py does not look whether an idle connection is lost
        )
        self._redis = Redis(connection_pool=connections)
        self._move = self._redis.register_script(MOVE)
        self._breaker = CircuitBreaker(
            log,
            lost="Redis is away, and PostgreSQL keeps the limits",
            back="Redis is back, and keeps the limits again.",
        )

    def charge(self, key: str, limit: Limit) -> int | None:
        """Count a try and return 0, or return in how many seconds there may be another.

        None means that Redis is away, and that somebody else must count.
        """
        return self._ask(key, limit.cost, limit.period)

    def refund(self, key: str, limit: Limit) -> None:
        """Give a try back, unless Redis is away: then it stays used up, for a period at most."""
        self._ask(key, -limit.cost, limit.period)

    def _ask(self, key: str, cost: timedelta, period: timedelta) -> int | None:
        probing = self._breaker.away
        if not self._breaker.is_due():
            return None
        try:
            if probing:
                # What a frozen Redis is asked it does when it thaws, and nobody is there any more.
                self._redis.ping()
            wait = self._move([PREFIX + key], [cost // MICROSECOND, period // MICROSECOND])
            seconds = int(wait)
        except Exception as error:
            # Whatever it is, and redis-py raises many kinds of what no Redis answers, a login must
            # not fail for it.
            self._breaker.fail(f"{type(error).__name__}: {error}")
            return None
        if probing:
            self._breaker.succeed()
        return seconds
