"""How many connections to a server there may be, and who waits for one that is free."""

import select
from collections.abc import Callable
from contextlib import suppress
from math import inf
from threading import BoundedSemaphore
from time import monotonic
from typing import Any

from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from playlist_api.ops import metrics
from playlist_api.ops.bulkheads import Bulkhead, Turn
from playlist_api.ops.clients import user_key

WAITING = 16
"""Requests that wait for a connection of a pool, whatever becomes of it: twice as many as a worker
keeps connections. gunicorn.conf.py has the sum of all that may wait."""

STANDSTILL = 0.05
"""Seconds without any connection being given back, until further ones are refused: ten times what a
connection is in use for, and half of what a call that needs none of them may take."""


class ConnectionLimiter:
    """So many connections may be in use at a time, and so many requests may wait for one.

    Of a crowd all are served, however large it is, as long as connections come back. When they do
    not, as the database is frozen or somebody holds a lock, the crowd would take all threads.
    """

    def __init__(self, size: int, timeout: float) -> None:
        """Take how many connections there may be, and how many seconds anybody waits for one."""
        self._free = BoundedSemaphore(size)
        self._waiting = BoundedSemaphore(WAITING)
        self._timeout = timeout
        self._given_back = 0

    def acquire(self) -> None:
        """Return when a connection may be used.

        :raises sqlalchemy.exc.TimeoutError: when none is given back in time.
        """
        if not (self._free.acquire(blocking=False) or self._wait()):
            raise PoolTimeoutError("no connection is free")

    def release(self) -> None:
        """Let somebody else have it."""
        self._given_back += 1
        self._free.release()

    def _wait(self) -> bool:
        if not self._waiting.acquire(blocking=False):
            return self._wait_while_they_come_back()
        try:
            return self._free.acquire(timeout=self._timeout)
        finally:
            self._waiting.release()

    def _wait_while_they_come_back(self) -> bool:
        until = monotonic() + self._timeout
        before = -1
        while before != self._given_back and monotonic() < until:
            before = self._given_back
            if self._free.acquire(timeout=STANDSTILL):
                return True
        return False


class Connections:
    """A pool of psycopg2's connections that begin no transactions.

    SQLAlchemy's pool keeps a record and an event for each use, which here would be a tenth of
    what a request takes.
    """

    def __init__(self, connect: Callable[[], Any], size: int, timeout: float) -> None:
        """Take what connects, how many there may be, and how many seconds anybody waits for one.

        Nothing connects yet.
        """
        self._connect = connect
        self._idle: list[Any] = []
        self._limiter = ConnectionLimiter(size, timeout)

    def take(self) -> Any:
        """Return a connection, the one that was used last if it is not lost.

        :raises sqlalchemy.exc.TimeoutError: when none is given back in time.
        :raises psycopg2.Error: when the database is away.
        """
        self._limiter.acquire()
        metrics.statements.inc()
        try:
            return self._one()
        except BaseException:
            self._leave()
            raise

    def give_back(self, connection: Any) -> None:
        """Let others have it, unless it is lost."""
        if not connection.closed:
            self._idle.append(connection)
        self._leave()

    def discard(self, connection: Any) -> None:
        """Close it, and those that idle: they lead where it led."""
        connection.close()
        with suppress(IndexError):
            while True:
                self._idle.pop().close()

    def _one(self) -> Any:
        try:
            while is_lost(connection := self._idle.pop()):
                pass
        except IndexError:
            connection = self._connect()
            connection.autocommit = True
        return connection

    def _leave(self) -> None:
        metrics.statements.dec()
        self._limiter.release()


class Pool(QueuePool):
    """SQLAlchemy's pool, where waiting is bounded; `pool_size` of its connections are kept.

    A user has half of them at the most, for what they change of one thing waits for each other.
    """

    _sqla_logger_namespace = "sqlalchemy.pool.Pool"  # else what it does would be logged as ours

    def __init__(
        self, creator: Any, *, pool_size: int, max_overflow: int, timeout: float, **options: Any
    ) -> None:
        """Take what SQLAlchemy's pool takes."""
        super().__init__(creator, pool_size, max_overflow, timeout, **options)
        self._turns: dict[ConnectionPoolEntry, Turn] = {}
        size = pool_size + max_overflow
        self._limiter = ConnectionLimiter(size, timeout)
        self._shares = Bulkhead(
            "transactions", inf, concurrency_per_key=size // 2, queue=WAITING, timeout=timeout
        )

    def _do_get(self) -> ConnectionPoolEntry:
        turn = self._shares.acquire(*user_key())
        try:
            record = self._get()
        except BaseException:
            self._shares.release(turn)
            raise
        self._turns[record] = turn
        return record

    def _get(self) -> ConnectionPoolEntry:
        # Who may have a connection finds one that idles, or may make one: SQLAlchemy never waits.
        self._limiter.acquire()
        try:
            return super()._do_get()
        except BaseException:
            self._limiter.release()
            raise

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        turn = self._turns.pop(record)
        try:
            super()._do_return_conn(record)
        finally:
            self._limiter.release()
            self._shares.release(turn)


def is_lost(connection: Any) -> bool:
    """Tell whether the server has closed a connection, without asking the server.

    An idle connection has nothing to read, unless the server said good-bye.
    """
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))
