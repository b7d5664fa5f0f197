"""Prepared statements, for requests that need no session of the ORM and no transaction."""

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, cast
from uuid import UUID

import psycopg2
from flask import current_app
from psycopg2.errors import (
    DuplicatePreparedStatement,
    FeatureNotSupported,
    InvalidSqlStatementName,
    ReadOnlySqlTransaction,
)
from sqlalchemy import (
    ClauseElement,
    ColumnElement,
    DateTime,
    SQLColumnExpression,
    Text,
    Uuid,
    func,
    literal_column,
    text,
)
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler

from playlist_api.db.pool import ConnectionPool, change_slot
from playlist_api.db.timeouts import STATEMENT_TIMEOUT, detect_unknown_outcome

GENERIC = "SET plan_cache_mode = force_generic_plan;"
"""Otherwise PostgreSQL plans a page anew each time, because its limit is a parameter
(https://www.postgresql.org/docs/current/sql-prepare.html)."""

SIMPLE = "SET {}jit = off; SET {}max_parallel_workers_per_gather = 0;"
"""Compiling a plan or starting processes for it takes longer than these plans run."""

WALKING = (
    "SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off; SET LOCAL work_mem = '32MB';"
    f" SET LOCAL {STATEMENT_TIMEOUT};"
)
"""If most of a table is one list, PostgreSQL would read or sort all of it; walking an index in the
list's order is no slower. 32 MB hold the ids of a million matches. PgBouncer's servers may lack the
time-out, and a search may need it."""


UNPREPARED = (InvalidSqlStatementName, DuplicatePreparedStatement, FeatureNotSupported)
"""Errors of a process that has not prepared a statement, or whose plan a migration made invalid."""


class Query:
    """A statement that is compiled once, and prepared once by each process of the server.

    Calling it takes one round trip and no transaction. Operators see its name with a hash.
    """

    begin = undo = ""  # set by subclasses
    paramstyle = "numeric_dollar"

    def __init__(self, name: str, statement: ClauseElement) -> None:
        dialect = PGDialect(paramstyle=self.paramstyle)  # type: ignore[no-untyped-call]
        compiled = cast(SQLCompiler, statement.compile(dialect=dialect))
        self.text = str(compiled)
        self.name = f"{name}_{sha256(self.text.encode()).hexdigest()[:16]}"
        self._names = compiled.positiontup or []
        self._constants = {k: v for k, v in compiled.params.items() if v is not None}
        arguments = ", ".join(["%s"] * len(self._names))
        self._execute = f"EXECUTE {self.name}" + f" ({arguments})" * bool(arguments)
        literal = self.text.replace("%", "%%")  # psycopg2 takes a % for an argument
        prepare = f"{SIMPLE.format('', '')} {GENERIC} PREPARE {self.name} AS {literal};"
        # PgBouncer may send each message to another process, which has prepared it or not.
        self._preparations = (prepare, "", f"DEALLOCATE ALL;{prepare}")

    def __call__(self, **parameters: Any) -> list[tuple[Any, ...]]:
        """Execute it with these parameters, and return its rows.

        :raises DBAPIError: as SQLAlchemy does, when the database refuses or is away.
        :raises sqlalchemy.exc.TimeoutError: when no connection is free in time.
        """
        return self._run(current_app.extensions["pool"], parameters)

    def afterwards(self) -> Callable[..., list[tuple[Any, ...]]]:
        """Return a function that executes it outside the application's context, to stream rows."""
        pool = current_app.extensions["pool"]
        return lambda **parameters: self._run(pool, parameters)

    def _run(self, pool: ConnectionPool, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
        parameters = parameters | self._constants
        connection: Any = None
        try:
            with pool.lend() as connection, connection.cursor() as cursor:
                return self._answer(cursor, [parameters[name] for name in self._names])
        except psycopg2.Error as error:
            if isinstance(error, ReadOnlySqlTransaction):
                # After a failover, pooled connections still point at the old primary; drop them.
                pool.dispose()
            raise DBAPIError.instance(
                self.text,
                None,
                error,
                psycopg2.Error,
                hide_parameters=True,
                connection_invalidated=connection is None or bool(connection.closed),
            ) from error

    def _answer(self, cursor: Any, arguments: list[Any]) -> list[tuple[Any, ...]]:
        self._send(cursor, arguments)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows

    def _send(self, cursor: Any, arguments: list[Any]) -> None:
        message = execute = self.begin + self._execute
        for preparation in self._preparations:
            try:
                cursor.execute(message, arguments)
            except UNPREPARED:
                message = self.undo + preparation + execute
            else:
                return
        cursor.execute(message, arguments)


class Search(Query):
    """A query whose best plan depends on its parameters, so that it is planned each time.

    Conditions that a NULL parameter makes true are left out of the plan.
    """

    paramstyle = "format"

    def __init__(self, name: str, statement: ClauseElement) -> None:
        super().__init__(name, statement)
        self._execute = self.text
        self.begin = f"/* {self.name} */ {SIMPLE.format('LOCAL ', 'LOCAL ')} {WALKING} "

    def _send(self, cursor: Any, arguments: list[Any]) -> None:
        cursor.execute(self.begin + self._execute, arguments)


class Change(Query):
    """A query that changes rows, in a transaction that is committed after its rows have arrived.

    Without one, a server that was frozen would make the change when it comes back, long after the
    client got a 503.

    :raises TooManyRequests: when too many changes of the user are under way.
    :raises DBAPIError: of a CommitOutcomeUnknown, when the connection is lost during COMMIT.
    """

    begin, undo = "BEGIN; ", "ROLLBACK; "

    def _run(self, pool: ConnectionPool, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
        with change_slot():
            return super()._run(pool, parameters)

    def _answer(self, cursor: Any, arguments: list[Any]) -> list[tuple[Any, ...]]:
        try:
            rows = super()._answer(cursor, arguments)
        except psycopg2.Error:
            if not cursor.connection.closed:
                cursor.execute("ROLLBACK")
            raise
        with detect_unknown_outcome(cursor.connection):
            cursor.execute("COMMIT")
        return rows


def columns_of(entity: Any, names: Mapping[str, str]) -> list[ColumnElement[Any]]:
    """Select attributes of a mapped class, or of an alias of one, labelled by their names in JSON.

    `names` are a schema's. Times are in UTC, UUIDs are text.
    """
    return [_plain(getattr(entity, attribute)).label(name) for name, attribute in names.items()]


def _plain(column: ColumnElement[Any]) -> ColumnElement[Any]:
    if isinstance(column.type, DateTime):
        return func.timezone("UTC", column)
    return sql_cast(column, Text) if isinstance(column.type, Uuid) else column


ping = Query("ping", text("SELECT 1"))
"""Checks that the database answers."""


def lock_of(owner_id: ColumnElement[str]) -> ColumnElement[int]:
    """Return the key of the advisory lock of a user's list, which an import holds alone."""
    return func.hashtextextended(owner_id, literal_column("0"))


def can_change(owner_id: SQLColumnExpression[UUID]) -> ColumnElement[bool]:
    """Share the lock of a user's list until the transaction ends; false while an import holds it.

    It never waits, because an import may take half a minute.
    """
    return func.pg_try_advisory_xact_lock_shared(lock_of(sql_cast(owner_id, Text)))
