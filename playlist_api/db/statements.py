"""Single statements: made once, planned once, and sent on connections of their own.

What a call does most is one statement, which needs no session of the ORM and no transaction.
"""

from collections.abc import Callable, Iterable
from hashlib import sha256
from typing import Any, cast

import psycopg2
from flask import current_app
from psycopg2.errors import (
    DuplicatePreparedStatement,
    FeatureNotSupported,
    InvalidSqlStatementName,
    ReadOnlySqlTransaction,
)
from sqlalchemy import ClauseElement, ColumnElement, DateTime, Text, Uuid, func, text
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler

from playlist_api.db.pool import ConnectionPool, change_slot
from playlist_api.db.timeouts import STATEMENT_TIMEOUT, detect_unknown_outcome

GENERIC = "SET plan_cache_mode = force_generic_plan;"
"""Otherwise PostgreSQL plans a page anew each time: its limit is a parameter, for which a generic
plan expects a tenth of the list (https://www.postgresql.org/docs/current/sql-prepare.html)."""

SIMPLE = "SET {}jit = off; SET {}max_parallel_workers_per_gather = 0;"
"""To compile a plan or start processes for it takes longer than these plans run. PostgreSQL expects
otherwise of a long list, as it cannot know how short a page is."""

WALKING = (
    "SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off; SET LOCAL work_mem = '32MB';"
    f" SET LOCAL {STATEMENT_TIMEOUT};"
)
"""If most of a table is one list, PostgreSQL would read or sort all of it; walking an index in the
list's order is no slower. 32 MB hold the ids of a million matches. Searches are what may run into
the time-out, which PgBouncer's servers may lack."""


class Query:
    """A statement that is made once, and planned once by each process of the server.

    It is sent on its own: one round trip, no transaction. Operators see the name that it is given,
    with a part of its hash: `EXECUTE account_0123456789abcdef (…)`.
    """

    begin = undo = ""
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
        literal = self.text.replace("%", "%%")  # as psycopg2 puts the arguments where a % is
        prepare = f"{SIMPLE.format('', '')} {GENERIC} PREPARE {self.name} AS {literal};"
        self._remedies = {
            # This process of the server has not met the statement.
            InvalidSqlStatementName: prepare,
            # PgBouncer has chosen another process for the second message, which has.
            DuplicatePreparedStatement: "",
            # A migration has changed the type of a column since it was planned.
            FeatureNotSupported: f"DEALLOCATE {self.name};{prepare}",
        }
        # Of many processes each message may meet one that knows what the last one did not.
        self._anywhere = f"DEALLOCATE ALL;{prepare}"

    def __call__(self, **parameters: Any) -> list[tuple[Any, ...]]:
        """Send it with its parameters, and return its rows.

        :raises DBAPIError: as SQLAlchemy does, when the database refuses or is away.
        :raises sqlalchemy.exc.TimeoutError: when no connection is free in time.
        """
        return self._run(current_app.extensions["pool"], parameters)

    def afterwards(self) -> Callable[..., list[tuple[Any, ...]]]:
        """Return a function that sends it outside the application's context, to stream rows."""
        pool = current_app.extensions["pool"]
        return lambda **parameters: self._run(pool, parameters)

    def _run(self, pool: ConnectionPool, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
        parameters = parameters | self._constants
        connection: Any = None
        try:
            with (
                pool.lend() as connection,
                connection.cursor() as cursor,
            ):
                return self._answer(cursor, [parameters[name] for name in self._names])
        except psycopg2.Error as error:
            if isinstance(error, ReadOnlySqlTransaction):
                # After a failover, pooled connections still point at the old primary; drop them.
                pool.dispose()
            lost = connection is None or connection.closed
            raise self._failed(error, lost=bool(lost)) from error

    def _answer(self, cursor: Any, arguments: list[Any]) -> list[tuple[Any, ...]]:
        self._send(cursor, arguments)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows

    def _send(self, cursor: Any, arguments: list[Any]) -> None:
        first, execute = "", self.begin + self._execute
        for _ in self._remedies:
            try:
                cursor.execute(first + execute, arguments)
            except tuple(self._remedies) as error:
                first = self.undo + self._remedies[type(error)]
            else:
                return
        cursor.execute(self.undo + self._anywhere + execute, arguments)

    def _failed(self, error: psycopg2.Error, *, lost: bool) -> BaseException:
        return DBAPIError.instance(
            self.text,
            None,
            error,
            psycopg2.Error,
            hide_parameters=True,
            connection_invalidated=lost,
        )


class Search(Query):
    """A query whose best plan depends on its parameters: it is planned each time, with them.

    A parameter that is NULL costs nothing: what it makes true is left out of the plan.
    """

    paramstyle = "format"

    def __init__(self, name: str, statement: ClauseElement) -> None:
        super().__init__(name, statement)
        self._execute = self.text
        self.begin = f"/* {self.name} */ {SIMPLE.format('LOCAL ', 'LOCAL ')} {WALKING} "

    def _send(self, cursor: Any, arguments: list[Any]) -> None:
        cursor.execute(self.begin + self._execute, arguments)


class Change(Query):
    """A query that changes something, and is committed when its rows are here.

    Sent on its own, it would be done by a server that was frozen or cut off when that comes back,
    long after it was refused. Of a commit that is under way nobody can say, and so it is told.

    :raises TooManyRequests: when too many changes of the caller's are under way.
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


def columns_of(rows: Any, names: Iterable[str]) -> list[ColumnElement[Any]]:
    """Choose columns of a table by their names, as clients get them: times in UTC, ids as text."""
    table = getattr(rows, "__table__", rows)
    return [_plain(table.c[name]).label(name) for name in names]


def _plain(column: ColumnElement[Any]) -> ColumnElement[Any]:
    if isinstance(column.type, DateTime):
        return func.timezone("UTC", column)
    return sql_cast(column, Text) if isinstance(column.type, Uuid) else column


ping = Query("ping", text("SELECT 1"))
"""Asks the database for any answer; it raises as every query does."""
