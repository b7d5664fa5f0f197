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

RESPONSE_TIMEOUT = 3.0
"""Seconds for an answer, or for a connection. What a request asks takes a few milliseconds."""

STATEMENT_TIMEOUT = "statement_timeout = '2500ms'"
"""The server itself gives up before nobody waits for the answer: else it would go on for nobody."""

TIMEOUTS = (
    f"SET lock_timeout = '2s'; SET {STATEMENT_TIMEOUT}; SET client_connection_check_interval = '1s'"
)
"""So it does with locks; and it looks whether the client is there still, which may have died."""

_patience: ContextVar[float | None] = ContextVar("patience", default=None)


class CommitOutcomeUnknown(psycopg2.OperationalError):
    """The server was lost while it was to commit, so that nobody knows whether it did."""


@contextmanager
def detect_unknown_outcome(connection: Any) -> Iterator[None]:
    """Tell a commit that may have been done from one that was refused.

    :raises InDoubt: when the connection is lost meanwhile.
    """
    try:
        yield
    except psycopg2.Error as error:
        if connection.closed:
            raise CommitOutcomeUnknown(str(error)) from error
        raise


class TimeoutConnection(connection):
    """A connection that keeps nobody waiting, but who has patience."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """Connect, as psycopg2's connections do."""
        super().__init__(*arguments, **options)
        if _patience.get() != inf:
            self.autocommit = True
            with self.cursor() as cursor:
                cursor.execute(TIMEOUTS)
            self.autocommit = False

    def commit(self) -> None:
        """Commit, as psycopg2's connections do.

        :raises InDoubt: when nobody knows whether it was done.
        """
        with detect_unknown_outcome(self):
            super().commit()


@contextmanager
def response_timeout(seconds: float = inf) -> Iterator[None]:
    """Let this thread wait for so long instead: for work that takes its time."""
    token = _patience.set(seconds)
    try:
        yield
    finally:
        _patience.reset(token)


def extend(cursor: Any) -> None:
    """Have the server take as long for the transaction's statements as this thread waits.

    Without patience it does anyway. A connection need not be new, and through PgBouncer leads to
    processes that others have set time-outs for.
    """
    if seconds := _patience.get():
        milliseconds = 0 if seconds == inf else round(seconds * 1000)
        cursor.execute(f"SET LOCAL statement_timeout = {milliseconds}")


def wait(connection: Any) -> None:
    """Wait until a connection has done what it was asked, as psycopg2 asks of a wait callback.

    :raises psycopg2.OperationalError: when a punctual one does not in time; it is closed then.
    """
    seconds = (
        (_patience.get() or RESPONSE_TIMEOUT) if isinstance(connection, TimeoutConnection) else inf
    )
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
