"""A replica of the database, for reads that it can be trusted with.

How far it is behind nobody knows who only asks the replica; so whoever asks tells it what they must
see, and asks the primary when there is no answer (see `services.pages`).
"""

import logging
from functools import partial
from typing import Any

import psycopg2
from flask import Flask, current_app
from psycopg2.errors import QueryCanceled
from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError

from playlist_api import deadline
from playlist_api.breaker import CircuitBreaker
from playlist_api.deadline import Punctual, patience
from playlist_api.pools import Connections
from playlist_api.statements import Query

SILENCE = 0.5
"""Seconds for the replica's answer, or for a connection to it: a hundred times what either takes,
and little enough for whoever is the first to find out that it is frozen. A search in a list of
millions may take longer, and has as long as on the primary."""

POOL_SIZE = 8
"""Connections that a worker keeps, each of which is back in a moment."""

log = logging.getLogger(__name__)


class Replica:
    """Answers queries, or says that it cannot."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._breaker = CircuitBreaker(
            log,
            lost="The replica is away, and the primary is read",
            back="The replica is back, and is read again.",
        )

    def is_due(self) -> bool:
        """Tell whether to ask it now: always, unless it failed a moment ago."""
        return self._breaker.is_due()

    def ask(self, query: Query, **parameters: Any) -> list[tuple[Any, ...]]:
        """Return the rows that it has; none if it is away.

        :raises DBAPIError: when the query takes too long.
        """
        try:
            with patience(SILENCE if query.is_quick else deadline.SILENCE):
                rows = query.on(self._connections, parameters)
        except SQLAlchemyError as error:
            if isinstance(getattr(error, "orig", None), QueryCanceled):
                raise  # the primary would take as long
            # Whatever it is, the primary can be asked instead.
            self._breaker.fail(reason(error))
            return []
        self._breaker.succeed()
        return rows


def reason(error: Exception) -> str:
    """Return what the server or the driver said, without statement and parameters."""
    said = getattr(error, "orig", None) or error
    return f"{type(said).__name__}: {said}".strip()


def init_app(app: Flask, url: str) -> None:
    """Give the application its replica, if it has one; nothing connects yet."""
    app.extensions["replica"] = _replica(app.name, url) if url else None


def _replica(name: str, url: str) -> Replica:
    address = make_url(url)
    addressed = address.get_dialect()().create_connect_args(address)[1]
    arguments = {**addressed, "application_name": name, "connection_factory": Punctual}
    return Replica(Connections(partial(psycopg2.connect, **arguments), POOL_SIZE, SILENCE))


def due() -> Replica | None:
    """Return the replica if there is one that should be asked now."""
    replica: Replica | None = current_app.extensions["replica"]
    return replica if replica and replica.is_due() else None
