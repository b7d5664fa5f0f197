"""Migrations beside other migrations, and beside the service at work."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, NullPool, create_engine, text

from dev.processes import eventually
from tests.conftest import Databases
from tests.support.migrating import TURN, flask, with_one_more

ADD_A_COLUMN = """op.execute('ALTER TABLE "Movie" ADD COLUMN rating integer')"""
ADD_AN_INDEX = """with op.get_context().autocommit_block():
        op.create_index("added", "Movie", ["title"], postgresql_concurrently=True)"""
QUICK = ("-x", "lock_timeout=0.3", "-x", "tries=2")

OTHERS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
WAITING = """
    SELECT count(*) FROM pg_locks
    WHERE NOT granted AND mode = 'AccessExclusiveLock' AND relation = '"Movie"'::regclass
"""
PATIENT = """
    SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX CONCURRENTLY%'
    AND datname = current_database() AND now() - query_start > interval '4 seconds'
"""
READY = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'added'::regclass"
RATINGS = "SELECT count(*) FROM information_schema.columns WHERE column_name = 'rating'"


@pytest.fixture
def url(databases: Databases) -> str:
    return databases.make_with_tables()


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """Connect, for statements that are transactions of their own unless they say otherwise."""
    arguments = {"options": "-c statement_timeout=20s"}
    engine = create_engine(url, poolclass=NullPool, connect_args=arguments)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        yield connection


@pytest.fixture
def observer(url: str) -> Iterator[Connection]:
    with connected(url) as connection:
        yield connection


blocker = observer  # another one


def count(connection: Connection, question: str) -> int:
    return connection.scalar(text(question)) or 0


def test_several_that_upgrade_at_once_make_one_history(
    databases: Databases, tmp_path: Path
) -> None:
    url, folder, processes = databases.make(), with_one_more(tmp_path, ADD_AN_INDEX), 3
    with connected(url) as observer, ExitStack() as stack:
        count(observer, f"SELECT pg_advisory_lock({TURN})")
        upgrades = [flask(url, "db", "upgrade", "-d", folder) for _ in range(processes)]
        started = [stack.enter_context(upgrade) for upgrade in upgrades]
        eventually(lambda: count(observer, OTHERS) > processes, "all wait for their turn", 60)
        count(observer, f"SELECT pg_advisory_unlock({TURN})")
        said = [process.communicate(timeout=60)[0] for process in started]
        assert count(observer, "SELECT count(*) FROM alembic_version") == 1
    assert [process.returncode for process in started] == [0] * processes, said
    assert len([text for text in said if "Running upgrade" in text]) == 1
    assert any("Waiting for another migration" in text for text in said)


def test_a_migration_that_cannot_have_its_lock_lets_others_read_and_is_undone(
    url: str, observer: Connection, blocker: Connection, tmp_path: Path
) -> None:
    blocker.execute(text('BEGIN; SELECT FROM "Movie"'))
    folder = with_one_more(tmp_path, ADD_A_COLUMN)
    with flask(url, "db", "upgrade", "-d", folder, *QUICK) as migration:
        eventually(lambda: count(observer, WAITING), "the migration waits", 60)
        observer.execute(text('SELECT FROM "Movie"'))
        said, _ = migration.communicate(timeout=60)
    assert migration.returncode == 1
    assert said.count("trying again") == 1
    assert "got no lock on a table within 0.3 seconds, 2 times" in said
    assert "Traceback" not in said
    assert count(observer, RATINGS) == 0


def test_a_migration_gets_through_when_its_lock_is_free_again(
    url: str, observer: Connection, blocker: Connection, tmp_path: Path
) -> None:
    blocker.execute(text('BEGIN; SELECT FROM "Movie"'))
    folder = with_one_more(tmp_path, ADD_A_COLUMN)
    with flask(url, "db", "upgrade", "-d", folder, *QUICK) as migration:
        assert migration.stdout
        assert any("trying again" in line for line in migration.stdout)
        blocker.execute(text("COMMIT"))
        said, _ = migration.communicate(timeout=60)
    assert migration.returncode == 0, said
    assert count(observer, RATINGS) == 1


def test_what_is_done_without_a_transaction_waits_as_long_as_it_takes(
    url: str, observer: Connection, blocker: Connection, tmp_path: Path
) -> None:
    blocker.execute(text('BEGIN; LOCK "Movie" IN ROW EXCLUSIVE MODE'))
    folder = with_one_more(tmp_path, ADD_AN_INDEX)
    with flask(url, "db", "upgrade", "-d", folder, *QUICK) as migration:
        eventually(lambda: count(observer, PATIENT), "the index waits for who writes", 60)
        blocker.execute(text("COMMIT"))
        said, _ = migration.communicate(timeout=60)
    assert migration.returncode == 0, said
    assert count(observer, READY)
