"""The pool of connections: who gets one, and which are kept."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg2
import pytest
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import make_url, text
from sqlalchemy.exc import (
    DBAPIError,
    TimeoutError,  # noqa: A004
)

from dev.cluster import NAME
from dev.postgres import running
from playlist_api.app import create_app
from playlist_api.db.engine import db
from playlist_api.db.pool import MAX_CHANGES, POOL_SIZE
from playlist_api.db.statements import Change, Query
from tests.conftest import Databases
from tests.support.service import InProcess, environment, sign_up

ADDED = Change("added", text("INSERT INTO list VALUES (1) RETURNING 1"))
ADDING = text("INSERT INTO list VALUES (2)")


@pytest.fixture
def url(databases: Databases) -> str:
    return databases.make()


@pytest.fixture
def app(url: str) -> Iterator[Flask]:
    """An application, and a table of its own."""
    app = create_app(environment(url))
    with app.app_context():
        db.session.execute(text("CREATE TABLE list (number int)"))
        db.session.commit()
        yield app
        db.session.remove()
        db.engine.dispose()


SERVERS = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
PROCESS = Query("process", text("SELECT pg_backend_pid()"))
SERVED_BY = text("SELECT pg_backend_pid()")


@pytest.mark.usefixtures("app")
def test_statements_and_transactions_use_the_same_connections() -> None:
    with db.engine.connect() as connection:
        process = connection.scalar(SERVED_BY)
    assert PROCESS() == [(process,)]


@pytest.mark.usefixtures("app")
def test_connections_are_left_for_reads_when_changes_have_all_of_theirs() -> None:
    held = [db.engine.connect() for _ in range(MAX_CHANGES)]
    with pytest.raises(TimeoutError):
        db.engine.connect()
    assert PROCESS()
    for connection in held:
        connection.close()
    with db.engine.connect() as connection:
        assert connection.scalar(SERVERS) <= MAX_CHANGES + 1


def test_a_server_that_is_away_takes_no_connection() -> None:
    away = create_app(environment("postgresql://nobody@127.0.0.1:9/nothing"))
    with away.app_context():
        for _ in range(POOL_SIZE + 1):
            with pytest.raises(DBAPIError):
                db.engine.connect()


@pytest.fixture
def only_read(url: str) -> Iterator[Callable[[bool], None]]:
    """Have the server be one that only reads, for whoever connects from then on, or not."""
    owner = psycopg2.connect(make_url(url).set(drivername="postgresql").render_as_string(False))
    owner.autocommit = True

    def only_read(on: bool) -> None:
        with owner.cursor() as cursor:
            name = owner.info.dbname
            cursor.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = {on}")

    yield only_read
    owner.close()


def added_by_a_statement() -> None:
    ADDED()


def added_by_a_transaction() -> None:
    try:
        db.session.execute(ADDING)
        db.session.commit()
    finally:
        db.session.rollback()


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize("add", [added_by_a_statement, added_by_a_transaction])
def test_nobody_stays_on_a_server_that_only_reads(
    only_read: Callable[[bool], None], add: Callable[[], Any]
) -> None:
    only_read(True)
    db.engine.dispose()
    for connection in [db.engine.connect() for _ in range(3)]:
        connection.close()
    with pytest.raises(DBAPIError):
        add()
    only_read(False)
    for _ in range(3):
        add()


def test_of_two_servers_the_one_that_takes_writes_is_found() -> None:
    with TemporaryDirectory(prefix="playlist-") as name, ExitStack() as stack:
        Path(name).chmod(0o755)
        only_reads, takes_writes = (
            stack.enter_context(running(Path(name) / server, throwaway=True))
            for server in ("standby", "primary")
        )
        with create_app(environment(takes_writes)).app_context():
            upgrade()
        with create_app(environment(only_reads)).app_context():
            read_only = f"ALTER DATABASE {NAME} SET default_transaction_read_only = on"
            db.session.execute(text(read_only))
            db.session.commit()
            db.engine.dispose()
        sockets = [make_url(url).query["host"] for url in (only_reads, takes_writes)]
        hosts = "&".join(f"host={socket}" for socket in sockets)
        url = f"postgresql://{NAME}@/{NAME}?{hosts}&target_session_attrs=read-write"
        ada = sign_up(InProcess(create_app(environment(url))))
        ada.add_movie()
        ada.hold(ada.refresh())
