"""How `flask db` reaches the database: through the application's own engine.

Of several that change the tables at once, one does it and the others find it done. A lock that it
does not get soon it goes without, undoes what it did and tries again: whoever needs the same table
waits behind it.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from alembic import context
from alembic.util import CommandError
from flask import current_app
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import DBAPIError

from playlist_api.db import timeouts as deadline
from playlist_api.db.engine import is_unavailable

LOCK_TIMEOUT = 0.5
"""Seconds to wait for a lock. Calls that need the same table wait behind it meanwhile, for 2 at the
most (`deadline.py`), and those that find no connection left behind these for 1 (`database.py`)."""

TRIES = 40
"""About a minute in all, for between two tries it rests twice as long as it waits."""

LOCKED_OUT = {"55P03", "40P01"}
"""PostgreSQL's codes for a lock not had in time, and for the victim of a deadlock."""

NOT_ALLOWED = "42501"

TURN = "hashtext('alembic_version')"
"""The number of the advisory lock that whoever changes the tables holds."""

STUCK = """\
The migration was undone: it got no lock on a table within {patience:g} seconds, {tries} times.
To see who may hold it, the oldest first:
  SELECT * FROM pg_stat_activity WHERE xact_start < now() ORDER BY xact_start;
To end one of them:
  SELECT pg_terminate_backend(…);
Then, or when they are done, run this again."""

logging.basicConfig(format="%(message)s")
progress = logging.getLogger("alembic.runtime.migration")
progress.setLevel(logging.INFO)
progress.addFilter(lambda record: record.getMessage().startswith("Running"))
log = logging.getLogger("playlist_api.migrations")
log.setLevel(logging.INFO)

database = current_app.extensions["migrate"].db
engine = database.engine
options = context.get_x_argument(as_dictionary=True)
patience = float(options.get("lock_timeout", LOCK_TIMEOUT))
tries = int(options.get("tries", TRIES))
bounded_waits = f"SET LOCAL lock_timeout = '{patience * 1000:.0f}ms'"


class LockedOutError(Exception):
    """A lock was not to be had."""


def print_statements() -> None:
    """Show the statements instead of sending them."""
    context.configure(url=engine.url, target_metadata=database.metadata, literal_binds=True)
    with context.begin_transaction():
        context.execute(bounded_waits)
        context.run_migrations()


def run(connection: Connection) -> None:
    """Do what the command asks for, in a transaction."""
    context.configure(
        connection=connection, target_metadata=database.metadata, compare_server_default=True
    )
    with context.begin_transaction():
        context.run_migrations()


def change(connection: Connection) -> None:
    """Do it when nobody else does, and again when a lock was not to be had."""
    event.listen(connection, "begin", bound_waits)
    with turn(connection):
        for _ in range(tries - 1):
            with suppress(LockedOutError):
                return attempt(connection)
            log.info("No lock on a table yet; trying again.")
            time.sleep(2 * patience)
        try:
            return attempt(connection)
        except LockedOutError as error:
            raise CommandError(STUCK.format(patience=patience, tries=tries)) from error


def attempt(connection: Connection) -> None:
    """Run, and tell a lock that was not to be had from all other errors."""
    try:
        run(connection)
    except DBAPIError as error:
        if code_of(error) in LOCKED_OUT:
            raise LockedOutError from error
        raise


def code_of(error: DBAPIError) -> str | None:
    return getattr(error.orig, "pgcode", None)


def bound_waits(connection: Connection) -> None:
    """Set the bound for one transaction.

    Without one, as CREATE INDEX CONCURRENTLY is sent, a migration may wait: nobody is behind it.
    """
    connection.connection.cursor().execute(bounded_waits)


@contextmanager
def turn(connection: Connection) -> Iterator[None]:
    """Wait until nobody else changes the tables, and keep others waiting meanwhile.

    The lock belongs to the connection, not to a transaction, of which there may be several. It is
    asked for again and again: to wait for it would take a snapshot, and whoever holds it and
    creates an index concurrently would wait for the end of that.
    """
    asking = text(f"SELECT pg_try_advisory_lock({TURN})")
    if not ask(connection, asking):
        log.info("Waiting for another migration ...")
        while not ask(connection, asking):
            time.sleep(0.2)
    try:
        yield
    finally:
        with suppress(DBAPIError):  # a lost connection holds no lock
            if not ask(connection, text(f"SELECT pg_advisory_unlock({TURN})")):
                log.warning("This was no direct connection: others may have migrated as well.")


def ask(connection: Connection, question: Any) -> Any:
    """Return one value, in a transaction of its own."""
    with connection.begin():
        return connection.scalar(question)


def changes_tables() -> bool:
    """Tell `upgrade`, `downgrade` and `stamp` from commands that only look."""
    with suppress(KeyError):
        context.get_revision_argument()
        return True
    return False


def main() -> None:
    """Connect, and tell in a sentence what an operator can help."""
    try:
        with deadline.response_timeout(), engine.connect() as connection:
            (change if changes_tables() else run)(connection)
    except DBAPIError as error:
        reason = str(error.orig).strip()
        if is_unavailable(error):
            raise CommandError(f"The database is away: {reason}") from error
        if code_of(error) == NOT_ALLOWED:
            who = f"{engine.url.username} may not change the tables; their owner's DATABASE_URL may"
            raise CommandError(f"{who}: {reason}") from error
        raise


if context.is_offline_mode():
    print_statements()
else:
    main()
