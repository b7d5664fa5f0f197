"""A database that has stopped, and says nothing, holds nobody up for long."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from playlist_api.app import create_app
from playlist_api.db import timeouts as deadline
from playlist_api.db.engine import db
from playlist_api.db.statements import Query
from playlist_api.ops import metrics
from tests.conftest import Databases
from tests.support.service import Actor, environment, sql

PROCESS = Query("process", text("SELECT pg_backend_pid()"))


@pytest.fixture
def app(databases: Databases) -> Iterator[Flask]:
    app = create_app(environment(databases.make_with_tables()))
    yield app
    with app.app_context():
        db.engine.dispose()


@contextmanager
def frozen(*processes: int) -> Iterator[None]:
    """Stop processes of the server as if its machine had."""
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            os.kill(process, signal.SIGCONT)


def processes(app: Flask) -> list[int]:
    """Name those that serve the application's next statement, and its next transaction."""
    with app.app_context(), db.engine.connect() as connection:
        return [PROCESS()[0][0], connection.scalar(text("SELECT pg_backend_pid()"))]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("GET", "/me", None), ("PATCH", "/me", {"name": "Ada King"}), ("POST", "/movies", "Heat")],
)
def test_whoever_asks_a_frozen_database_is_told_to_come_back(
    app: Flask, eve: Actor, monkeypatch: pytest.MonkeyPatch, method: str, path: str, body: object
) -> None:
    monkeypatch.setattr(deadline, "RESPONSE_TIMEOUT", 0.3)
    body = {"title": body} if isinstance(body, str) else body
    with frozen(*processes(app)):
        answer = eve.call(method, path, body)
        assert (answer.status, answer.error["code"]) == (503, "SERVICE_UNAVAILABLE")
        assert int(answer.headers["Retry-After"]) > 0
    assert eve.call(method, path, body).status in {200, 201}


def test_what_takes_its_time_may_say_so(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadline, "RESPONSE_TIMEOUT", 0.05)
    slow = text("SELECT pg_sleep(0.2)")
    with app.app_context():
        with pytest.raises(OperationalError, match=r"no answer from the server in 0\.05 s"):
            db.session.execute(slow)
        db.session.rollback()
        for seconds in (5, float("inf")):
            with deadline.response_timeout(seconds):
                db.session.execute(slow)


def test_who_waits_for_a_lock_is_told_by_the_server(app: Flask, eve: Actor) -> None:
    movie = eve.add_movie()["id"]
    with app.app_context(), db.engine.connect() as other:
        other.execute(text('LOCK TABLE "Movie" IN ACCESS EXCLUSIVE MODE'))
        for method in ("GET", "DELETE"):
            answer = eve.call(method, f"/movies/{movie}")
            assert (answer.status, answer.error["code"]) == (503, "SERVICE_UNAVAILABLE")
        assert PROCESS()
    assert eve.delete(f"/movies/{movie}").status == 204


def test_who_has_patience_waits_for_locks_too(app: Flask) -> None:
    shown = text("SHOW lock_timeout")
    with app.app_context():
        assert db.session.scalar(shown) == "2s"
        db.session.rollback()
        db.engine.dispose()
        with deadline.response_timeout():
            assert db.session.scalar(shown) == "0"


def test_the_server_gives_a_statement_up_before_its_client_does(app: Flask) -> None:
    shown = text("SELECT current_setting('statement_timeout')")
    with app.app_context():
        assert Query("shown", shown)() == [("2500ms",)]
        assert db.session.scalar(shown) == "2500ms"
        db.session.rollback()
        for seconds, given in ((30, "30s"), (float("inf"), "0")):
            with deadline.response_timeout(seconds):
                assert db.session.scalar(shown) == given
                db.session.rollback()
        assert db.session.scalar(shown) == "2500ms"


@pytest.fixture
def no_outage(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail when the database is counted or logged as away."""
    before = metrics.registry.get_sample_value("database_failures_total")
    yield
    assert "is away" not in caplog.text
    assert metrics.registry.get_sample_value("database_failures_total") == before


@pytest.mark.usefixtures("no_outage")
def test_nothing_of_a_search_that_takes_too_long_goes_on(app: Flask, eve: Actor) -> None:
    endless = """CREATE OR REPLACE FUNCTION sort_title(title text) RETURNS text
                 LANGUAGE plpgsql IMMUTABLE AS
                 $$ BEGIN PERFORM pg_sleep(4); RETURN title; END $$"""
    running = """SELECT FROM pg_stat_activity WHERE pid <> pg_backend_pid()
                 AND datname = current_database() AND state = 'active'"""
    sql(app, endless)
    answer = eve.get("/movies?search=a&sort=title&limit=1")
    assert sql(app, running) == []
    assert (answer.status, answer.error["code"]) == (503, "SERVICE_UNAVAILABLE")
    assert answer.error["message"].startswith("This took too long.")


@pytest.mark.usefixtures("no_outage")
def test_a_lock_that_is_not_to_be_had_is_no_lost_database(app: Flask, eve: Actor) -> None:
    movie = eve.add_movie()["id"]
    with app.app_context(), db.engine.connect() as other:
        other.execute(text('SELECT FROM "Movie" FOR UPDATE'))
        answer = eve.delete(f"/movies/{movie}")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert answer.error["message"].startswith("This is being changed already.")
