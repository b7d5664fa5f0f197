"""How long the database may be silent.

A server that is frozen, or cut off without a word, is noticed by no time-out of PostgreSQL's, and
by TCP's after minutes; whoever asked would wait, and keep their thread. psycopg2 lets us wait in
its place: https://www.psycopg.org/docs/advanced.html#support-for-coroutine-libraries
"""

import select
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from math import inf
from time import monotonic
from typing import Any

import psycopg2
from psycopg2.extensions import POLL_OK, POLL_READ, connection, set_wait_callback

SILENCE = 3.0
"""Seconds for an answer, or for a connection. What a request asks takes a few milliseconds."""

_patience: ContextVar[float | None] = ContextVar("patience", default=None)


LOCK_TIMEOUT = "SET lock_timeout = '2s'"
"""The server itself says when a lock is not to be had, before nobody waits for the answer."""


class InDoubt(psycopg2.OperationalError):
    """The server was lost while it was to commit, so that nobody knows whether it did."""


@contextmanager
def committing(connection: Any) -> Iterator[None]:
    """Tell a commit that may have been done from one that was refused.

    :raises InDoubt: when the connection is lost meanwhile.
    """
    try:
        yield
    except psycopg2.Error as error:
        if connection.closed:
            raise InDoubt(str(error)) from error
        raise


class Punctual(connection):
    """A connection that keeps nobody waiting, but who has patience."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """Connect, as psycopg2's connections do."""
        super().__init__(*arguments, **options)
        if _patience.get() is None:
            self.autocommit = True
            with self.cursor() as cursor:
                cursor.execute(LOCK_TIMEOUT)
            self.autocommit = False

    def commit(self) -> None:
        """Commit, as psycopg2's connections do.

        :raises InDoubt: when nobody knows whether it was done.
        """
        with committing(self):
            super().commit()


@contextmanager
def patience(seconds: float = inf) -> Iterator[None]:
    """Let this thread wait for so long instead: for work that takes its time."""
    token = _patience.set(seconds)
    try:
        yield
    finally:
        _patience.reset(token)


def wait(connection: Any) -> None:
    """Wait until a connection has done what it was asked, as psycopg2 asks of a wait callback.

    :raises psycopg2.OperationalError: when a punctual one does not in time; it is closed then.
    """
    seconds = (_patience.get() or SILENCE) if isinstance(connection, Punctual) else inf
    until = monotonic() + seconds
    while (state := connection.poll()) != POLL_OK:
        poll = select.poll()
        poll.register(connection, select.POLLIN if state == POLL_READ else select.POLLOUT)
        left = max(0, until - monotonic()) * 1000
        if not poll.poll(None if left == inf else left):
            raise psycopg2.OperationalError(f"no answer from the server in {seconds:g} s")


def init_app() -> None:
    """Have the connections of this process wait so."""
    set_wait_callback(wait)
