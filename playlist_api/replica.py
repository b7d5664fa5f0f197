"""A replica of the database, for reads that it can be trusted with.

How far it is behind nobody knows who only asks the replica; so whoever asks tells it what they must
see, and asks the primary when there is no answer (see `services.pages`).
"""

import logging
from functools import partial
from threading import Lock
from time import monotonic
from typing import Any

import psycopg2
from flask import Flask, current_app
from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError

from playlist_api.deadline import Punctual, patience
from playlist_api.statements import Connections, Query

SILENCE = 0.5
"""Seconds for the replica's answer, or for a connection to it: a hundred times what either takes,
and little enough for whoever is the first to find out that it is frozen."""

PAUSE = 5.0
"""Seconds until the replica is asked again after a failure, by one request, which may wait in
vain."""

POOL_SIZE = 8
"""Connections that a worker keeps, each of which is back in a moment."""

log = logging.getLogger(__name__)


class Replica:
    """Answers queries, or says that it cannot.

    After a failure nobody waits for it for some seconds, and then one request at a time does.
    """

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._lock = Lock()
        self._away = False
        self._next_probe = 0.0

    def is_due(self) -> bool:
        """Tell whether to ask it now: always, unless it failed a moment ago."""
        if not self._away:
            return True
        with self._lock:
            now = monotonic()
            due = now >= self._next_probe
            if due:
                self._next_probe = now + PAUSE
            return due

    def ask(self, query: Query, **parameters: Any) -> list[tuple[Any, ...]]:
        """Return the rows that it has; none if it is away."""
        try:
            with patience(SILENCE):
                rows = query.on(self._connections, parameters)
        except SQLAlchemyError as error:
            # Whatever it is, the primary can be asked instead.
            self._lose(error)
            return []
        if self._away:
            self._away = False
            log.info("The replica is back, and is read again.")
        return rows

    def _lose(self, error: Exception) -> None:
        with self._lock:
            self._next_probe = monotonic() + PAUSE
            was_away, self._away = self._away, True
        if not was_away:
            log.warning("The replica is away, and the primary is read: %s", reason(error))


def reason(error: Exception) -> str:
    """Return what the server or the driver said, without statement and parameters."""
    said = getattr(error, "orig", None) or error
    return f"{type(said).__name__}: {said}".strip()


def init_app(app: Flask, url: str) -> None:
    """Give the application its replica, if it has one; nothing connects yet."""
    app.extensions["replica"] = _replica(app.name, url) if url else None


def _replica(name: str, url: str) -> Replica:
    dialect, address = make_url(url).get_dialect()(), make_url(url)
    addressed = dialect.create_connect_args(address)[1]
    arguments = {**addressed, "application_name": name, "connection_factory": Punctual}
    return Replica(Connections(partial(psycopg2.connect, **arguments), POOL_SIZE, SILENCE))


def due() -> Replica | None:
    """Return the replica if there is one that should be asked now."""
    replica: Replica | None = current_app.extensions["replica"]
    return replica if replica and replica.is_due() else None
