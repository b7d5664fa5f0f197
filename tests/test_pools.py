"""Connections of a pool: who waits for one, and which are kept."""

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
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
from playlist_api.db import pools
from playlist_api.db.engine import POOL_SIZE, db
from playlist_api.db.pools import ConnectionLimiter, Pool
from playlist_api.db.statements import Change
from tests.conftest import Databases
from tests.service import InProcess, environment, sign_up
from tests.waiting import eventually

ADDED = Change("added", text("INSERT INTO list VALUES (1) RETURNING 1"))
ADDING = text("INSERT INTO list VALUES (2)")


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as threads:
        yield threads


def pass_through(limiter: ConnectionLimiter) -> None:
    limiter.acquire()
    limiter.release()


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch, threads: ThreadPoolExecutor) -> ConnectionLimiter:
    """One place, which is taken, and one request that waits for it: no more may for long."""
    monkeypatch.setattr(pools, "WAITING", 1)
    limiter = ConnectionLimiter(1, timeout=20)
    limiter.acquire()
    threads.submit(pass_through, limiter)
    eventually(lambda: not limiter._waiting._value, "somebody waits")
    return limiter


def test_a_crowd_is_refused_when_no_connection_comes_back(taken: ConnectionLimiter) -> None:
    with pytest.raises(TimeoutError):
        taken.acquire()
    taken.release()


def test_a_crowd_is_served_while_connections_come_back(
    taken: ConnectionLimiter, threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "STANDSTILL", 5)
    crowd = [threads.submit(pass_through, taken) for _ in range(3)]
    taken.release()
    assert [each.result() for each in crowd] == [None] * 3


def test_nobody_waits_longer_than_they_should(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "WAITING", 0)
    limiter = ConnectionLimiter(1, timeout=0)
    limiter.acquire()
    with pytest.raises(TimeoutError):
        limiter.acquire()


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


def pool() -> Pool:
    found = db.engine.pool
    assert isinstance(found, Pool)
    return found


@pytest.mark.usefixtures("app")
def test_transactions_have_so_many_connections_and_keep_fewer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held = [db.engine.connect() for _ in range(2 * POOL_SIZE)]
    monkeypatch.setattr(pool()._limiter, "_timeout", 0.01)
    with pytest.raises(TimeoutError):
        db.engine.connect()
    for connection in held:
        connection.close()
    assert pool().checkedin() == POOL_SIZE
    with db.engine.connect() as connection:
        assert connection.scalar(text("SELECT 1")) == 1


@pytest.mark.usefixtures("app")
def test_what_the_pool_does_is_no_news(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    db.engine.dispose()
    assert caplog.records == []


def test_a_server_that_is_away_takes_no_place() -> None:
    away = create_app(environment("postgresql://nobody@127.0.0.1:9/nothing"))
    with away.app_context():
        for _ in range(2 * POOL_SIZE + 1):
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


@pytest.mark.parametrize("add", [added_by_a_statement, added_by_a_transaction])
def test_nobody_stays_on_a_server_that_only_reads(
    app: Flask, only_read: Callable[[bool], None], add: Callable[[], Any]
) -> None:
    only_read(True)
    db.engine.dispose()
    connections = app.extensions["connections"]
    idle = [connections.take() for _ in range(3)]
    held = [db.engine.connect() for _ in range(3)]
    for connection in held:
        connection.close()
    for connection in idle:
        connections.give_back(connection)
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
