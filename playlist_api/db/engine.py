"""The database's engine, sessions and migrations, and which of its errors mean unavailable."""

from datetime import datetime
from pathlib import Path
from typing import cast

from flask import Flask, current_app
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from psycopg2 import InterfaceError, OperationalError
from psycopg2.errors import ReadOnlySqlTransaction
from psycopg2.extensions import set_wait_callback
from sqlalchemy import DateTime, ExceptionContext, MetaData, event, make_url
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import DeclarativeBase, registry
from sqlalchemy.pool import NullPool

from playlist_api.db import timeouts
from playlist_api.db.pool import ConnectionPool

UNAVAILABLE_SQLSTATES = ("08", "25006", "40", "53", "55P03", "57014", "57P01", "57P02", "57P03")
"""Prefixes of the codes of errors that pass by themselves:
https://www.postgresql.org/docs/current/errcodes-appendix.html"""


class Base(DeclarativeBase):
    """The base of all models: names for constraints that migrations rely on, times with zones."""

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
    # Fetch what the database sets itself by RETURNING, without a second query.
    __mapper_args__ = {"eager_defaults": True}


# Services commit before their result is dumped: it must not be fetched again.
db = SQLAlchemy(model_class=Base, session_options={"expire_on_commit": False})
migrate = Migrate(directory=str(Path(__file__).parents[2] / "migrations"))


def init_app(app: Flask, database_url: str) -> None:
    """Give the application its engine and its migrations; nothing connects yet."""
    url = make_url(database_url)
    _, arguments = url.get_dialect()().create_connect_args(url)
    app.extensions["pool"] = pool = ConnectionPool(**arguments, application_name=app.name)
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {
        "poolclass": NullPool,
        "creator": pool.lend_for_transaction,
        "hide_parameters": True,  # they would be logged with each error, hashes and all
        "use_native_hstore": False,  # which would cost a round trip for each connection
    }
    set_wait_callback(timeouts.wait)
    db.init_app(app)
    migrate.init_app(app, db)
    with app.app_context():
        event.listen(db.engine, "engine_disposed", pool.dispose)
        event.listen(db.engine, "handle_error", leave_if_read_only)
        event.listen(db.engine, "begin", lambda it: timeouts.extend(it.connection.cursor()))
    app.teardown_appcontext(release_connection)


def release_connection(_: BaseException | None) -> None:
    """End the transaction; a ROLLBACK that fails would be an error too late to be answered."""
    if db.session.registry.has():
        try:
            db.session.rollback()
        except DBAPIError:
            db.session().invalidate()


def leave_if_read_only(context: ExceptionContext) -> None:
    """Drop all connections after a failover, when they still point at the old primary."""
    if isinstance(context.original_exception, ReadOnlySqlTransaction) and context.engine:
        context.engine.dispose()


def is_unavailable(error: Exception) -> bool:
    """Tell a database that is away or refuses for now from a bug of ours."""
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
    """Tell whether the constraint of this name refused a row."""
    diagnostics = getattr(error.orig, "diag", None)
    return getattr(diagnostics, "constraint_name", None) == constraint
