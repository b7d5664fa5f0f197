"""How long a request waits for an answer from the database.

PostgreSQL's time-outs do not help when the server is frozen or cut off, and TCP gives up only after
minutes, so psycopg2 waits by our callback, which has a deadline:
https://www.psycopg.org/docs/advanced.html#support-for-coroutine-libraries
"""

import select
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from math import inf
from time import monotonic
from typing import Any

import psycopg2
from psycopg2.extensions import POLL_OK, POLL_READ, connection

RESPONSE_TIMEOUT = 3.0
"""Seconds for an answer, or for a connection. What a request asks takes a few milliseconds."""

STATEMENT_TIMEOUT = "statement_timeout = '2500ms'"
"""Shorter than `RESPONSE_TIMEOUT`: the server stops before the client does, and does not go on."""

TIMEOUTS = (
    f"SET lock_timeout = '2s'; SET {STATEMENT_TIMEOUT}; SET client_connection_check_interval = '1s'"
)
"""The server also stops waiting for locks, and notices a client that has died."""

_response_timeout: ContextVar[float | None] = ContextVar("response_timeout", default=None)


class CommitOutcomeUnknown(psycopg2.OperationalError):
    """The connection was lost during COMMIT: the transaction may have been committed or not."""


@contextmanager
def detect_unknown_outcome(connection: Any) -> Iterator[None]:
    """Raise CommitOutcomeUnknown when the connection is lost while a commit is under way."""
    try:
        yield
    except psycopg2.Error as error:
        if connection.closed:
            raise CommitOutcomeUnknown(str(error)) from error
        raise


class TimeoutConnection(connection):
    """A connection whose server and client give up in time, unless `response_timeout` says more."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        if _response_timeout.get() != inf:
            self.autocommit = True
            with self.cursor() as cursor:
                cursor.execute(TIMEOUTS)
            self.autocommit = False

    def commit(self) -> None:
        with detect_unknown_outcome(self):
            super().commit()


@contextmanager
def response_timeout(seconds: float = inf) -> Iterator[None]:
    """Have this thread wait for so many seconds instead, for work that takes long."""
    token = _response_timeout.set(seconds)
    try:
        yield
    finally:
        _response_timeout.reset(token)


def extend(cursor: Any) -> None:
    """Have the server work as long on the transaction's statements as this thread waits.

    Only needed where `response_timeout` is set: the connection may be older than that, or lead
    through PgBouncer to a server process with other time-outs.
    """
    if seconds := _response_timeout.get():
        milliseconds = 0 if seconds == inf else round(seconds * 1000)
        cursor.execute(f"SET LOCAL statement_timeout = {milliseconds}")


def wait(connection: Any) -> None:
    """Wait until a connection is ready: psycopg2's wait callback.

    :raises psycopg2.OperationalError: when it takes too long; psycopg2 closes the connection.
    """
    seconds = inf
    if isinstance(connection, TimeoutConnection):
        seconds = _response_timeout.get() or RESPONSE_TIMEOUT
    until = monotonic() + seconds
    while (state := connection.poll()) != POLL_OK:
        poll = select.poll()
        poll.register(connection, select.POLLIN if state == POLL_READ else select.POLLOUT)
        left = max(0, until - monotonic()) * 1000
        if not poll.poll(None if left == inf else left):
            raise psycopg2.OperationalError(f"no answer from the server in {seconds:g} s")
