"""Single statements: each process of the server prepares what it meets, whatever it forgets."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import psycopg2
import pytest
from flask import Flask
from sqlalchemy import make_url, text
from sqlalchemy.exc import (
    DBAPIError,
    IntegrityError,
    TimeoutError,  # noqa: A004
)

from dev.processes import eventually
from playlist_api.app import create_app
from playlist_api.db import timeouts as deadline
from playlist_api.db.engine import db
from playlist_api.db.pool import POOL_SIZE, connections
from playlist_api.db.statements import Change, Query, Search
from tests.conftest import Databases
from tests.support.service import InProcess, call, environment
from tests.test_deadline import PROCESS, frozen
from tests.test_errors import add_view

ONE = Query("one", text("SELECT 1"))
ALL = Query("processes", text("SELECT pid FROM pg_stat_activity"))
PREPARED = Query("prepared", text("SELECT name FROM pg_prepared_statements ORDER BY 1"))


@pytest.fixture(scope="module")
def url(databases: Databases) -> str:
    return databases.make()


@pytest.fixture
def app(url: str) -> Iterator[Flask]:
    """An application with one connection, and with no tables."""
    app = create_app(environment(url))
    with app.app_context():
        yield app


@pytest.fixture
def run(url: str) -> Iterator[Callable[[str], None]]:
    """Change the database by another connection."""
    process = connect(url)

    def run(statement: str) -> None:
        with process.cursor() as cursor:
            cursor.execute(statement)

    yield run
    process.close()


def connect(url: str) -> Any:
    process = psycopg2.connect(make_url(url).set(drivername="postgresql").render_as_string(False))
    process.autocommit = True
    return process


@pytest.mark.usefixtures("app")
def test_a_statement_is_prepared_when_it_is_first_sent() -> None:
    assert PREPARED() == [(PREPARED.name,)]
    assert [ONE(), ONE()] == [[(1,)], [(1,)]]
    assert PREPARED() == [(ONE.name,), (PREPARED.name,)]


def test_a_statement_that_the_server_forgot_is_prepared_anew(app: Flask) -> None:
    assert ONE() == [(1,)]
    with app.extensions["pool"].lend() as connection, connection.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")
    assert PREPARED() == [(PREPARED.name,)]
    assert ONE() == [(1,)]


class PgBouncer:
    """A cursor whose messages go to this process of the server and to that."""

    def __init__(self, *processes: Any) -> None:
        self.cursors = (process.cursor() for process in processes)

    def execute(self, message: str, arguments: list[Any]) -> None:
        self.cursor = next(self.cursors)
        self.cursor.execute(message, arguments)

    def fetchall(self) -> Any:
        return self.cursor.fetchall()


@pytest.mark.parametrize("way", ["new old old", "new old new new", "new old new old"])
def test_a_statement_is_answered_though_its_messages_go_to_several_processes(
    url: str, way: str
) -> None:
    processes = {"new": connect(url), "old": connect(url)}
    ONE._send(processes["old"].cursor(), [])
    cursor = PgBouncer(*(processes[name] for name in way.split()))
    ONE._send(cursor, [])
    assert cursor.fetchall() == [(1,)]
    for process in processes.values():
        process.close()


@pytest.mark.usefixtures("app")
def test_a_statement_outlives_a_change_of_its_columns(run: Callable[[str], None]) -> None:
    run("CREATE TABLE movie AS SELECT 1995 AS year")
    years = Query("years", text("SELECT year FROM movie WHERE year > :than"))
    assert years(than=1990) == [(1995,)]
    run("ALTER TABLE movie ALTER year TYPE numeric(6, 1)")
    assert [str(year) for (year,) in years(than=1990)] == ["1995.0"]
    assert years(than=1995) == []


@pytest.mark.usefixtures("app")
def test_what_is_not_supported_is_an_error_after_a_few_tries(run: Callable[[str], None]) -> None:
    run("CREATE SEQUENCE tries")
    run("""CREATE FUNCTION fail() RETURNS int LANGUAGE plpgsql AS $$ BEGIN
               PERFORM nextval('tries');
               RAISE feature_not_supported;
           END $$""")
    failing = Query("failing", text("SELECT fail()"))
    for tries in (3, 6):
        with pytest.raises(DBAPIError) as raised:
            failing()
        assert raised.value.orig.pgcode == "0A000"  # type: ignore[union-attr]
        assert Query("tries", text("SELECT last_value FROM tries"))() == [(tries,)]


@pytest.mark.usefixtures("app")
def test_a_search_is_planned_each_time_and_prepares_and_leaves_nothing() -> None:
    told = """SELECT current_setting('enable_seqscan'), current_setting('jit'),
              CAST(:wanted AS text), '100%' LIKE '%\\%', current_query()"""
    ((scans, jit, wanted, literal, sent),) = Search("told", text(told))(wanted="a 'word' %s")
    assert (scans, jit, wanted, literal) == ("off", "off", "a 'word' %s", True)
    assert sent.startswith("/* told_")
    assert Query("after", text("SELECT current_setting('enable_seqscan')"))() == [("on",)]
    assert [name.partition("_")[0] for (name,) in PREPARED()] == ["after", "prepared"]


def test_statements_of_one_name_are_told_apart() -> None:
    assert ONE.name != Query("one", text("SELECT 2")).name
    assert ONE.name.startswith("one_")


@pytest.mark.usefixtures("app")
def test_who_waits_too_long_for_a_connection_is_told() -> None:
    with ExitStack() as held:
        for _ in range(POOL_SIZE):
            held.enter_context(connections.slot())
        with pytest.raises(TimeoutError):
            ONE()
    assert ONE() == [(1,)]


@pytest.mark.usefixtures("app")
def test_a_change_is_undone_when_nobody_waits_for_it(
    run: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    run("CREATE TABLE list (title text)")
    added = Change("added", text("INSERT INTO list VALUES ('Heat') RETURNING title"))
    assert added() == [("Heat",)]
    process = PROCESS()[0][0]
    monkeypatch.setattr(deadline, "RESPONSE_TIMEOUT", 0.3)
    with frozen(process), pytest.raises(DBAPIError):
        added()
    eventually(lambda: (process,) not in ALL(), "the process has noticed")
    assert Query("count", text("SELECT count(*) FROM list"))() == [(1,)]


@pytest.mark.usefixtures("app")
def test_a_change_that_is_refused_leaves_its_connection_as_it_was(
    run: Callable[[str], None],
) -> None:
    run("CREATE TABLE single (title text PRIMARY KEY)")
    added = Change("single", text("INSERT INTO single VALUES ('Heat') RETURNING title"))
    process = PROCESS()
    assert added() == [("Heat",)]
    with pytest.raises(IntegrityError):
        added()
    assert PROCESS() == process
    assert Query("open", text("SELECT now() = statement_timestamp()"))() == [(True,)]


@pytest.fixture
def lost_at_commit(run: Callable[[str], None]) -> None:
    """A table whose changes are fine, and whose server is lost while it commits them."""
    run("""CREATE TABLE fateful (number int);
           CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
               PERFORM pg_terminate_backend(pg_backend_pid());
               RETURN NULL;
           END $$;
           CREATE CONSTRAINT TRIGGER die AFTER INSERT ON fateful
               DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION die()""")


def add_by_statement() -> None:
    Change("fateful", text("INSERT INTO fateful VALUES (1) RETURNING 1"))()


def add_by_transaction() -> None:
    db.session.execute(text("INSERT INTO fateful VALUES (1)"))
    db.session.commit()


@pytest.mark.usefixtures("lost_at_commit")
@pytest.mark.parametrize("add", [add_by_statement, add_by_transaction])
def test_of_a_commit_that_was_lost_it_is_told_that_nobody_knows(
    app: Flask, add: Callable[[], None], run: Callable[[str], None]
) -> None:
    add_view(app, add)
    answer = call(InProcess(app), "GET", "/view")
    assert (answer.status, answer.error["code"]) == (502, "BAD_GATEWAY")
    assert answer.headers["Retry-After"] == "5"
    run("DROP TABLE fateful; DROP FUNCTION die")


@pytest.mark.usefixtures("app")
def test_a_commit_that_is_refused_is_not_in_doubt(run: Callable[[str], None]) -> None:
    run("CREATE TABLE late (number int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
    added = Change("late", text("INSERT INTO late VALUES (1) RETURNING 1"))
    added()
    with pytest.raises(IntegrityError):
        added()
