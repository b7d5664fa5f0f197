"""What a database holds at one moment, and what it is asked before and after a restore."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, func, select, table, text
from sqlalchemy.exc import DBAPIError

from playlist_api.backups import dumps

OBJECTS = text("""
    WITH object AS (
        SELECT tableoid, oid, relnamespace AS namespace, relname AS name,
               relkind = 'r' AND relpersistence = 'p' AS is_kept
        FROM pg_class
        UNION ALL
        SELECT tableoid, oid, pronamespace, proname, false FROM pg_proc)
    SELECT nspname, name, is_kept
    FROM object JOIN pg_namespace ON pg_namespace.oid = namespace
    WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema' AND NOT EXISTS (
        SELECT FROM pg_depend
        WHERE classid = object.tableoid AND objid = object.oid AND deptype = 'e')
    ORDER BY is_kept DESC, 1, 2""")
"""Tables, whether a crash spares them, and other objects; none of PostgreSQL's or extensions'."""

FACTS = text("""
    SELECT pg_export_snapshot(), pg_database_size(current_database())""")

VERSION = text("SELECT current_setting('server_version_num')::int")


class DatabaseError(Exception):
    """A database is away or refuses; the message is a sentence for a person."""


@dataclass(frozen=True)
class Snapshot:
    """A moment of a database, which other connections can see while it is held."""

    id: str
    server: str
    size: int
    """Bytes that the database takes, indexes and all."""
    revision: str
    rows: dict[str, int]


@contextmanager
def asking(engine: Engine, **options: Any) -> Iterator[Connection]:
    """Connect, and tell failures in a sentence.

    :raises DatabaseError: when the database is away, or refuses.
    """
    try:
        with engine.connect().execution_options(**options) as connection:
            yield connection
    except DBAPIError as error:
        diagnostics = getattr(error.orig, "diag", None)
        reason = getattr(diagnostics, "message_primary", None) or str(error.orig).split("\n")[0]
        raise DatabaseError(
            f"Database {engine.url.database}: {reason.removesuffix('.')}."
        ) from error


@contextmanager
def snapshot(engine: Engine) -> Iterator[Snapshot]:
    """Hold a moment of the database, in which its rows are counted.

    :raises DatabaseError: when it is away, may not be read, or is not the service's.
    """
    reading = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with asking(engine, **reading) as connection:
        connection.execute(text(f"SET LOCAL lock_timeout = '{dumps.LOCK_PATIENCE}'"))
        for limit in ("statement_timeout", "idle_in_transaction_session_timeout"):
            connection.execute(text(f"SET LOCAL {limit} = 0"))
        exported, size = connection.execute(FACTS).one()
        rows = count_rows(connection)
        if "alembic_version" not in rows:
            raise DatabaseError(f"Database {engine.url.database} is not one of this service.")
        revision = connection.scalar(text("SELECT version_num FROM alembic_version"))
        yield Snapshot(exported, server_version(connection), size, revision or "", rows)


def parameters(engine: Engine) -> dict[str, Any]:
    """Return what libpq is to connect with, by its own names."""
    return dict(engine.dialect.create_connect_args(engine.url)[1])


def server_version(connection: Connection) -> str:
    """Return the server's version, such as 18.6."""
    number = connection.execute(VERSION).scalar_one()
    return f"{number // 10000}.{number % 10000}"


def count_rows(connection: Connection) -> dict[str, int]:
    """Count the rows of the tables that a dump keeps."""
    statements = {
        name if schema == "public" else f"{schema}.{name}": select(func.count()).select_from(
            table(name, schema=schema)
        )
        for schema, name, is_kept in connection.execute(OBJECTS)
        if is_kept
    }
    return {name: connection.execute(count).scalar_one() for name, count in statements.items()}


def holdings(connection: Connection) -> list[str]:
    """Name whatever the database has that an empty one has not."""
    return [name for _, name, _ in connection.execute(OBJECTS)]


def analyze(engine: Engine) -> None:
    """Gather the statistics that plans are made with."""
    with asking(engine, isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))
