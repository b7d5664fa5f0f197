"""The engine, the sessions and the migrations; and which failures mean that it is away."""

from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, cast

import psycopg2
from flask import Flask, current_app
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from psycopg2 import InterfaceError, OperationalError
from psycopg2.errors import ReadOnlySqlTransaction
from sqlalchemy import (
    DateTime,
    ExceptionContext,
    MetaData,
    event,
    text,
)
from sqlalchemy.exc import DBAPIError, IntegrityError, InvalidatePoolError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import DeclarativeBase, registry

from playlist_api.db import statements
from playlist_api.db import timeouts as deadline
from playlist_api.db.pools import Connections, Pool, is_lost
from playlist_api.ops import metrics

POOL_TIMEOUT = 1
"""Seconds until a pool counts as exhausted. Its connections are back within milliseconds, unless
the database is frozen or somebody holds a lock; then whoever waits would keep a thread from calls
that need no database."""

POOL_SIZE = 8
"""Connections that a worker keeps for single statements, each of which is back in a moment, which
is sooner than another is opened; and for transactions, which may wait for locks, and so may have as
many again under load."""

UNAVAILABLE_SQLSTATES = ("08", "25006", "40", "53", "55P03", "57014", "57P01", "57P02", "57P03")
"""Prefixes of the errors that pass: https://www.postgresql.org/docs/current/errcodes-appendix.html
(connection lost, read-only, rolled back to resolve a conflict, out of resources, lock or
statement timed out, shutting down or starting up)."""


class Base(DeclarativeBase):
    """The tables' common ground: constraint names that migrations can rely on, times with zones."""

    registry = registry(
        metadata=MetaData(
            naming_convention={
                "pk": "%(table_name)s_pkey",
                "uq": "%(table_name)s_%(column_0_N_name)s_key",
                "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
                "ix": "%(table_name)s_%(column_0_N_name)s_idx",
                "ck": "%(table_name)s_%(constraint_name)s_check",
            }
        ),
        type_annotation_map={datetime: DateTime(timezone=True)},
    )
    # RETURNING brings what the database set itself, without a second query.
    __mapper_args__ = {"eager_defaults": True}


# What a service committed is still dumped after it, so it must not be fetched again.
db = SQLAlchemy(model_class=Base, session_options={"expire_on_commit": False})
migrate = Migrate(directory=str(Path(__file__).parents[2] / "migrations"))


def init_app(app: Flask, database_url: str) -> None:
    """Give the application its engine and its migrations; nothing connects yet."""
    arguments = {"application_name": app.name, "connection_factory": deadline.TimeoutConnection}
    app.config["SQLALCHEMY_DATABASE_URI"] = database_url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {
        "poolclass": Pool,
        "pool_size": POOL_SIZE,
        "max_overflow": POOL_SIZE,
        "pool_timeout": POOL_TIMEOUT,
        "hide_parameters": True,  # they would be logged with each error, hashes and all
        "connect_args": arguments,
    }
    deadline.init_app()
    db.init_app(app)
    with app.app_context():
        event.listen(db.engine, "handle_error", leave_if_read_only)
        event.listen(db.engine, "checkout", replace_if_lost)
        event.listen(db.engine, "checkout", lambda *_: metrics.transactions.inc())
        event.listen(db.engine, "checkin", lambda *_: metrics.transactions.dec())
        event.listen(db.engine, "begin", lambda it: deadline.extend(it.connection.cursor()))
        addressed = db.engine.dialect.create_connect_args(db.engine.url)[1]
    connect = partial(psycopg2.connect, **{**addressed, **arguments})
    statements.init_app(app, Connections(connect, POOL_SIZE, POOL_TIMEOUT))
    migrate.init_app(app, db)
    app.teardown_appcontext(release_connection)


def release_connection(_: BaseException | None) -> None:
    """End the transaction before the session is removed, be the connection lost or not.

    A failing ROLLBACK would be an error of its own, too late to be answered.
    """
    if db.session.registry.has():
        try:
            db.session.rollback()
        except DBAPIError:
            db.session().invalidate()


def replace_if_lost(connection: Any, *_: Any) -> None:
    """Have the pool replace a connection that is lost, which SQLAlchemy would ask the server."""
    if is_lost(connection):
        raise InvalidatePoolError


def leave_if_read_only(context: ExceptionContext) -> None:
    """Have the pool replace all connections when one of them leads to a server that only reads.

    They would stay on a server that is no longer, or was not yet, the primary.
    """
    if isinstance(context.original_exception, ReadOnlySqlTransaction):
        context.is_disconnect = True


def ping() -> None:
    """Ask the database for an answer, whichever; its absence is its exception."""
    db.session.execute(text("SELECT 1"))


def is_unavailable(error: Exception) -> bool:
    """Tell a database that is away, or that refuses for now, from a mistake of ours."""
    if isinstance(error, PoolTimeoutError):
        return True
    if not isinstance(error, DBAPIError):
        return False
    sqlstate = getattr(error.orig, "pgcode", None)
    if sqlstate is None:
        lost = error.connection_invalidated
        return lost or isinstance(error.orig, OperationalError | InterfaceError)
    return str(sqlstate).startswith(UNAVAILABLE_SQLSTATES)


def movies_per_user() -> int:
    """Return how many movies a list may have."""
    return cast(int, current_app.config["MOVIES_PER_USER"])


def violates(error: IntegrityError, constraint: str) -> bool:
    """Tell whether it was this constraint, by its name in the database, that refused a row."""
    diagnostics = getattr(error.orig, "diag", None)
    return getattr(diagnostics, "constraint_name", None) == constraint
