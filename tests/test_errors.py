"""Failures that are nobody's input: bugs, libraries, and a database that is away."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from flask import Flask, abort
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from playlist_api.app import create_app
from playlist_api.db.engine import db, is_unavailable
from playlist_api.db.statements import Query
from playlist_api.errors import PROBLEM_CODES
from playlist_api.ops.logs import Formatter
from tests.conftest import Databases
from tests.support.service import Actor, InProcess, call, environment, log_in, sign_up


@pytest.fixture(scope="module")
def own_database(databases: Databases) -> str:
    """A database whose connections a test may end."""
    return databases.make_with_tables()


@pytest.fixture
def own_app(own_database: str) -> Iterator[Flask]:
    """An application that a test may add routes to."""
    app = create_app(environment(own_database))
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def without_database() -> InProcess:
    """The service, with nobody listening at its database's address."""
    return InProcess(create_app(environment("postgresql://nobody@127.0.0.1:9/nothing")))


def add_view(app: Flask, view: Callable[[], Any]) -> None:
    """Serve a view at `/view`."""
    app.add_url_rule("/view", view_func=view, endpoint="view")


def raising(error: Exception) -> Callable[[], Any]:
    """Make a view with this bug."""

    def view() -> None:
        raise error

    return view


def raising_in_postgresql(sqlstate: str) -> Callable[[], Any]:
    """Make a view in which PostgreSQL itself raises this error."""

    def view() -> None:
        statement = f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{sqlstate}'; END $$"
        db.session.execute(text(statement))

    return view


def test_a_bug_is_told_to_the_log_and_not_to_the_client(
    own_app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.handler.setFormatter(Formatter())
    add_view(own_app, raising(RuntimeError("the secret cause")))
    answer = call(InProcess(own_app), "GET", "/view", X_Request_ID="bug-1")
    assert answer.status == 500
    assert answer.error == {
        "code": "INTERNAL_ERROR",
        "message": "Something went wrong on our side.",
    }
    assert b"secret" not in answer.body
    assert answer.headers["X-Request-ID"] == "bug-1"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    (line,) = (line for line in map(json.loads, caplog.text.splitlines()) if "err" in line)
    assert (line["level"], line["reqId"]) == (50, "bug-1")
    assert line["err"]["type"] == "RuntimeError"
    assert "the secret cause" in line["err"]["stack"]
    assert Path(__file__).name in line["err"]["stack"]


def test_a_debugger_gets_envelopes_too(database_url: str) -> None:
    app = create_app(environment(database_url, FLASK_DEBUG="1"))
    app.debug = True
    add_view(app, raising(RuntimeError()))
    assert call(InProcess(app), "GET", "/view").error["code"] == "INTERNAL_ERROR"


LIBRARIES = [
    *("400 VALIDATION_ERROR", "403 FORBIDDEN", "406 NOT_ACCEPTABLE", "408 REQUEST_TIMEOUT"),
    *("409 CONFLICT", "413 PAYLOAD_TOO_LARGE", "429 TOO_MANY_REQUESTS", "501 NOT_IMPLEMENTED"),
    "503 SERVICE_UNAVAILABLE",
]


@pytest.mark.parametrize("expected", LIBRARIES)
def test_whatever_a_library_aborts_with_has_the_envelope(own_app: Flask, expected: str) -> None:
    status, code = expected.split()
    add_view(own_app, lambda: abort(int(status)))
    answer = call(InProcess(own_app), "GET", "/view")
    assert (answer.status, answer.error["code"]) == (int(status), code)
    assert ("details" in answer.error) == (answer.status == 400)


@pytest.mark.parametrize("path", ["/health", "/me"])
def test_without_its_database_the_service_says_when_to_try_again(
    app: Flask, without_database: InProcess, path: str
) -> None:
    ada = sign_up(InProcess(app))
    answer = call(without_database, "GET", path, token=ada.token)
    assert (answer.status, answer.error["code"]) == (503, "SERVICE_UNAVAILABLE")
    assert answer.headers["Retry-After"] == "5"
    assert b"127.0.0.1" not in answer.body


def test_without_its_database_the_service_still_answers_what_needs_none(
    without_database: InProcess,
) -> None:
    assert call(without_database, "GET", "/health/live").json == {"status": "ok"}
    assert call(without_database, "GET", "/nothing").status == 404
    assert call(without_database, "GET", "/me").status == 401
    assert call(without_database, "GET", "/me", token="rubbish").status == 401
    assert call(without_database, "POST", "/auth/login", {}).status == 400
    assert call(without_database, "POST", "/auth/logout").status == 204


PASSING = "08006 25006 40001 40P01 53100 53200 53300 55P03 57014 57P01 57P02 57P03"
STAYING = "23505 22001 42601 XX000 P0001 55000 28000"


@pytest.mark.parametrize(
    ("sqlstate", "code"),
    [
        *((sqlstate, "SERVICE_UNAVAILABLE") for sqlstate in PASSING.split()),
        *((sqlstate, "INTERNAL_ERROR") for sqlstate in STAYING.split()),
    ],
)
def test_errors_that_pass_are_outages_and_others_are_bugs(
    own_app: Flask, sqlstate: str, code: str
) -> None:
    add_view(own_app, raising_in_postgresql(sqlstate))
    answer = call(InProcess(own_app), "GET", "/view")
    assert (answer.status == 503, answer.error["code"]) == (code == "SERVICE_UNAVAILABLE", code)


def test_an_exhausted_pool_is_answered_with_503(own_app: Flask) -> None:
    add_view(own_app, raising(PoolTimeoutError("QueuePool limit reached")))
    answer = call(InProcess(own_app), "GET", "/view")
    assert (answer.status, answer.error["code"]) == (503, "SERVICE_UNAVAILABLE")


def test_a_database_that_is_away_is_known_by_its_errors_alone() -> None:
    lost = psycopg2.DatabaseError("server closed the connection unexpectedly")
    assert is_unavailable(DBAPIError("SELECT 1", {}, lost, connection_invalidated=True))
    assert not is_unavailable(RuntimeError("connection refused"))
    assert not is_unavailable(DBAPIError("SELECT 1", {}, RuntimeError("connection refused")))


def terminate_others(database_url: str) -> None:
    """Have the database end all connections to it, and wait until it has."""
    engine = create_engine(database_url)
    with engine.connect() as connection:
        others = "datname = current_database() AND pid <> pg_backend_pid()"
        connection.execute(
            text(f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE {others}")
        )
    engine.dispose()


def test_a_connection_lost_after_the_answer_was_made_is_no_error(
    own_app: Flask, own_database: str, caplog: pytest.LogCaptureFixture
) -> None:
    def view() -> str:
        db.session.execute(text("SELECT 1"))
        terminate_others(own_database)
        return "made"

    add_view(own_app, view)
    assert call(InProcess(own_app), "GET", "/view").body == b"made"
    assert not [record for record in caplog.records if record.exc_info]
    assert sign_up(InProcess(own_app)).get("/me").status == 200


def test_a_connection_lost_before_the_answer_is_answered_with_503(
    own_app: Flask, own_database: str
) -> None:
    def view() -> None:
        db.session.execute(text("SELECT 1"))
        terminate_others(own_database)
        db.session.execute(text("SELECT 1"))

    add_view(own_app, view)
    assert call(InProcess(own_app), "GET", "/view").status == 503


def test_connections_that_the_database_dropped_are_replaced(
    own_app: Flask, own_database: str
) -> None:
    ada = sign_up(InProcess(own_app))
    assert ada.patch("/me", {"name": "Ada"}).status == 200
    terminate_others(own_database)
    assert ada.patch("/me", {"name": "Ada King"}).status == 200
    assert ada.get("/me").status == 200
    assert log_in(ada).get("/movies").status == 200


def test_an_error_of_the_database_is_logged_without_what_it_was_told(
    own_app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    canary = "canary" * 2

    statement = text("SELECT 1 / 0 WHERE 'x' <> :told")
    add_view(own_app, lambda: db.session.execute(statement, {"told": canary}))
    assert call(InProcess(own_app), "GET", "/view").status == 500
    errors = [record for record in caplog.records if record.exc_info]
    lines = [Formatter().format(record) for record in errors]
    assert "DivisionByZero" in json.loads(lines[0])["err"]["stack"]
    assert canary not in "".join(lines)


@pytest.mark.parametrize(
    ("host", "protocol", "status"),
    [
        *(("localhost:3001", "HTTP/1.1", 200), ("[::1]:3001", "HTTP/1.1", 200)),
        *(("a b", "HTTP/1.1", 400), ("a/b", "HTTP/1.0", 400)),
        *((None, "HTTP/1.1", 400), (None, "HTTP/1.0", 200)),
    ],
)
def test_a_host_must_be_clear(app: Flask, host: str | None, protocol: str, status: int) -> None:
    environ = {"HTTP_HOST": host, "SERVER_PROTOCOL": protocol}
    answer = app.test_client().get("/health/live", environ_overrides=environ)
    assert answer.status_code == status


def test_a_body_shorter_than_it_says_is_refused_though_the_server_lets_it_pass(app: Flask) -> None:
    terminated = {"wsgi.input_terminated": True, "CONTENT_LENGTH": "100"}
    answer = app.test_client().post("/auth/login", json={}, environ_overrides=terminated)
    assert answer.status_code == 400
    (problem,) = json.loads(answer.data)["error"]["details"]
    assert (problem["field"], problem["code"]) == ("body", "malformed")


def test_a_connection_lost_during_a_single_statement_is_not_used_again(own_app: Flask) -> None:
    dying = Query("dying", text("SELECT pg_terminate_backend(pg_backend_pid())"))
    with own_app.app_context():
        with pytest.raises(DBAPIError) as raised:
            dying()
        assert is_unavailable(raised.value)
        assert Query("one", text("SELECT 1"))() == [(1,)]


def test_the_documented_codes_of_problems_are_all_there_are() -> None:
    page = Path("docs/api.md").read_text()
    first_cells = "".join(re.findall(r"^\| (`.*?) \|", page, re.MULTILINE))
    documented = re.findall(r"`(\w+)`", first_cells)
    assert sorted(set(documented) & set(PROBLEM_CODES)) == sorted(PROBLEM_CODES)


def test_an_email_that_is_taken_is_told_by_its_field(ada: Actor) -> None:
    account = {"name": "Ada", "email": ada.user["email"], "password": "correct horse battery"}
    answer = ada.post("/auth/signup", account, token=None)
    assert (answer.status, answer.error["code"]) == (409, "CONFLICT")
    assert answer.error["details"] == [
        {"field": "email", "code": "taken", "message": "E-mail already has an account."}
    ]
