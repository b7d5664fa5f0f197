"""The engine, the sessions and the migrations; and which failures mean that it is away."""

import select
from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

import psycopg2
from flask import Flask
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from psycopg2 import InterfaceError, OperationalError
from psycopg2.errors import (
    DuplicatePreparedStatement,
    FeatureNotSupported,
    InvalidSqlStatementName,
)
from sqlalchemy import (
    ClauseElement,
    ColumnElement,
    DateTime,
    MetaData,
    Text,
    Uuid,
    event,
    func,
    text,
)
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.exc import DBAPIError, IntegrityError, InvalidatePoolError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import DeclarativeBase, registry
from sqlalchemy.sql.compiler import SQLCompiler

CONNECT_TIMEOUT = 3
"""Seconds until a database that does not answer counts as away."""

POOL_SIZE = 8
"""Connections that a worker keeps for transactions, under load as many again, which may wait for
locks; and as many for single statements."""

ATTEMPTS = 4
"""To send a statement to a process that knows it: the first one, and one for each way to fail."""

SINGLE_STATEMENTS = "single statements"
"""The engine without transactions: a statement of its own needs no BEGIN and no COMMIT."""

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
migrate = Migrate(directory=str(Path(__file__).parents[1] / "migrations"))


def init_app(app: Flask, database_url: str) -> None:
    """Give the application its engine and its migrations; nothing connects yet."""
    app.config["SQLALCHEMY_DATABASE_URI"] = database_url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {
        "pool_size": POOL_SIZE,
        "max_overflow": POOL_SIZE,
        "pool_timeout": CONNECT_TIMEOUT,
        "hide_parameters": True,  # they would be logged with each error, hashes and all
        "connect_args": {"connect_timeout": CONNECT_TIMEOUT, "application_name": app.name},
    }
    app.config["SQLALCHEMY_BINDS"] = {
        SINGLE_STATEMENTS: {
            "url": database_url,
            "max_overflow": 0,  # one is back in a moment, which is sooner than another is opened
            "isolation_level": "AUTOCOMMIT",
            "pool_reset_on_return": None,
        }
    }
    db.init_app(app)
    with app.app_context():
        for engine in db.engines.values():
            event.listen(engine, "checkout", replace_if_lost)
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
    """Have the pool replace a connection that its server has closed, without asking the server.

    An idle connection has nothing to read, unless the server said good-bye.
    """
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    if poll.poll(0):
        raise InvalidatePoolError


class Query:
    """A statement that is made once, and planned once by each process of the server.

    It is sent on its own: one round trip, no transaction. Operators see the name that it is given,
    with a part of its hash: `EXECUTE account_0123456789abcdef (…)`.
    """

    def __init__(self, name: str, statement: ClauseElement) -> None:
        dialect = PGDialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]
        compiled = cast(SQLCompiler, statement.compile(dialect=dialect))
        self.text = str(compiled)
        self.name = f"{name}_{sha256(self.text.encode()).hexdigest()[:16]}"
        self._names = compiled.positiontup or []
        self._constants = {k: v for k, v in compiled.params.items() if v is not None}
        arguments = ", ".join(["%s"] * len(self._names))
        self._execute = f"EXECUTE {self.name}" + f" ({arguments})" * bool(arguments)
        self._prepare = f"PREPARE {self.name} AS {self.text};"

    def __call__(self, **parameters: Any) -> list[tuple[Any, ...]]:
        """Send it with its parameters, and return its rows.

        :raises DBAPIError: as SQLAlchemy does, when the database refuses or is away.
        """
        parameters |= self._constants
        try:
            pooled = db.engines[SINGLE_STATEMENTS].raw_connection()
        except psycopg2.Error as error:
            raise self._failed(error, lost=True) from error
        connection: Any = pooled.driver_connection
        try:
            with connection.cursor() as cursor:
                self._send(cursor, [parameters[name] for name in self._names])
                rows: list[tuple[Any, ...]] = cursor.fetchall()
                return rows
        except psycopg2.Error as error:
            lost = bool(connection.closed)
            if lost:
                pooled.invalidate()
            raise self._failed(error, lost=lost) from error
        finally:
            pooled.close()

    def _send(self, cursor: Any, arguments: list[Any]) -> None:
        first = ""
        for _ in range(ATTEMPTS - 1):
            try:
                cursor.execute(first + self._execute, arguments)
            except InvalidSqlStatementName:
                # This process of the server has not met the statement.
                first = self._prepare
            except DuplicatePreparedStatement:
                # PgBouncer has chosen another process for the second message, which has.
                first = ""
            except FeatureNotSupported:
                # A migration has changed the type of a column since it was planned.
                first = f"DEALLOCATE {self.name};{self._prepare}"
            else:
                return
        cursor.execute(first + self._execute, arguments)

    def _failed(self, error: psycopg2.Error, *, lost: bool) -> BaseException:
        return DBAPIError.instance(
            self.text,
            None,
            error,
            psycopg2.Error,
            hide_parameters=True,
            connection_invalidated=lost,
        )


def columns_of(rows: Any, names: Iterable[str]) -> list[ColumnElement[Any]]:
    """Choose columns of a table by their names, as clients get them: times in UTC, ids as text."""
    table = getattr(rows, "__table__", rows)
    return [_plain(table.c[name]).label(name) for name in names]


def _plain(column: ColumnElement[Any]) -> ColumnElement[Any]:
    if isinstance(column.type, DateTime):
        return func.timezone("UTC", column)
    return sql_cast(column, Text) if isinstance(column.type, Uuid) else column


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


def violates(error: IntegrityError, constraint: str) -> bool:
    """Tell whether it was this constraint, by its name in the database, that refused a row."""
    diagnostics = getattr(error.orig, "diag", None)
    return getattr(diagnostics, "constraint_name", None) == constraint
