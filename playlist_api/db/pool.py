"""The one pool of connections to the database, and how many requests may use and wait for it."""

import select
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg2
from prometheus_client import Gauge
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from playlist_api.db.timeouts import TimeoutConnection
from playlist_api.errors import ServiceUnavailable
from playlist_api.ops import metrics
from playlist_api.ops.bulkheads import Bulkhead, Turn, user_key

POOL_SIZE = 16
"""Connections of a worker, at most."""

MAX_CHANGES = 12
"""Connections in use for changes, at most, as these may wait for locks. The others are left for
reads, also for those made during a transaction."""

CONNECTIONS_PER_USER = POOL_SIZE // 2
"""Connections of one user at a time, so that others find one, however many pages the user reads."""

CHANGES_PER_USER = 4
"""Changes of one user at a time, for changes of one list wait for each other."""

WAIT: Any = {"queue": 16, "timeout": 1, "stall_timeout": 0.05}
"""A connection is back within milliseconds, unless the database is frozen or a lock is held. Then
only so many threads of the worker may wait, for a second: the others are left for requests that
need no database. gunicorn.conf.py has the sum of all that may wait."""

connections = Bulkhead("connections", POOL_SIZE, concurrency_per_key=CONNECTIONS_PER_USER, **WAIT)
changes = Bulkhead("changes", MAX_CHANGES, concurrency_per_key=CHANGES_PER_USER, **WAIT)


class PooledConnection(TimeoutConnection):
    """A connection that SQLAlchemy returns to the pool by calling `close()`."""

    borrowed: ExitStack

    def close(self) -> None:
        """Return the connection to the pool."""
        self.borrowed.close()


class ConnectionPool:
    """Connections of psycopg2's that are kept while they idle, for statements and transactions.

    SQLAlchemy takes its connections from this pool, too, as a checkout of its QueuePool costs
    `GET /me` a tenth of its CPU time.
    """

    def __init__(self, **arguments: Any) -> None:
        """Take the arguments of `psycopg2.connect`; nothing connects yet."""
        self._arguments = arguments
        self._idle: list[PooledConnection] = []

    @contextmanager
    def lend(self, in_use: Gauge = metrics.statements) -> Iterator[PooledConnection]:
        """Lend a connection that begins no transactions, for a `with` block.

        :raises TooManyRequests: when the request's user has too many others under way.
        :raises sqlalchemy.exc.TimeoutError: when none is free in time.
        :raises psycopg2.Error: when the database is away.
        """
        turn = _acquire(connections, *user_key())
        in_use.inc()
        try:
            idle = self._idle
            connection = self._usable(idle)
            try:
                yield connection
            finally:
                if not connection.closed:
                    idle.append(connection)
        finally:
            in_use.dec()
            connections.release(turn)

    def lend_for_transaction(self) -> PooledConnection:
        """Lend a connection until it is closed, as SQLAlchemy does.

        :raises TooManyRequests: when too many changes of the user are under way.
        :raises sqlalchemy.exc.TimeoutError, psycopg2.Error: as `lend` does.
        """
        with ExitStack() as borrowed:
            borrowed.enter_context(change_slot())
            connection = borrowed.enter_context(self.lend(metrics.transactions))
            connection.autocommit = False
            connection.borrowed = borrowed.pop_all()
        return connection

    def dispose(self, *_: Any) -> None:
        """Drop all connections: those in use are closed when they come back."""
        self._idle = []

    def _usable(self, idle: list[PooledConnection]) -> PooledConnection:
        connection: PooledConnection
        try:
            while _is_lost(connection := idle.pop()):
                pass
        except IndexError:
            connection = psycopg2.connect(connection_factory=PooledConnection, **self._arguments)
        connection.autocommit = True
        return connection


def _is_lost(connection: PooledConnection) -> bool:
    """Tell whether the server has closed an idle connection, without asking the server."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))  # readable only when the server has closed it


@contextmanager
def change_slot() -> Iterator[None]:
    """Hold a slot for a change of the request's user.

    :raises TooManyRequests: when too many changes of the user are under way.
    :raises sqlalchemy.exc.TimeoutError: when none is free in time because of others.
    """
    turn = _acquire(changes, *user_key())
    try:
        yield
    finally:
        changes.release(turn)


def _acquire(bulkhead: Bulkhead, *keys: str) -> Turn:
    try:
        return bulkhead.acquire(*keys)
    except ServiceUnavailable as refusal:
        raise PoolTimeoutError("no connection is free") from refusal
