"""What Sentry is told of errors, and what not."""

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sentry_sdk
from flask import Flask
from sqlalchemy import create_engine, text

from dev.processes import eventually
from playlist_api import __version__
from playlist_api.app import create_app
from tests.conftest import Databases
from tests.support.sentry import Sentry, sentry
from tests.support.service import ROOT, InProcess, call, environment, gunicorn, line_of, sign_up
from tests.test_errors import add_view, raising
from tests.test_metrics import COUNT, figures_of


@pytest.fixture
def told() -> Iterator[Sentry]:
    with sentry() as listener:
        yield listener


@pytest.fixture
def app(told: Sentry, database_url: str) -> Iterator[Flask]:
    """An application that tells Sentry, until the test ends."""
    yield create_app(environment(database_url, SENTRY_DSN=told.dsn))
    sentry_sdk.get_client().close()
    sentry_sdk.get_global_scope().set_client(None)


def test_a_bug_is_told_with_its_request_and_user(app: Flask, told: Sentry) -> None:
    add_view(app, raising(KeyError("cause")))
    call(InProcess(app), "GET", "/view", X_Request_ID="bug-3")
    sentry_sdk.flush()
    (event,) = told.events
    (error,) = event["exception"]["values"]
    assert error["type"] == "KeyError"
    assert "logentry" not in event
    assert Path(__file__).stem.replace("sentry", "errors") in json.dumps(error["stacktrace"])
    assert event["tags"] == {"request_id": "bug-3"}
    assert event["transaction"] == "GET /view"
    assert (event["release"], event["environment"]) == (__version__, "development")


@pytest.mark.usefixtures("app")
def test_of_an_error_in_the_log_nothing_is_told_that_it_quotes(told: Sentry) -> None:
    logging.getLogger("playlist_api.ops.mail").error("Mail to %s is lost.", "ada@example.com")
    sentry_sdk.flush()
    (lost,) = told.events
    assert lost["logentry"] == {"message": "Mail to %s is lost."}
    assert "ada@" not in str(told.received)


def test_nothing_below_an_error_is_told(app: Flask, told: Sentry) -> None:
    call(InProcess(app), "POST", "/auth/login", {"email": "x"})
    logging.getLogger("playlist_api").warning("careful")
    sentry_sdk.flush()
    assert told.received == []


def test_a_bug_is_found_in_the_log_in_sentry_and_in_the_figures(
    told: Sentry, databases: Databases, tmp_path: Path
) -> None:
    own_database = databases.make_with_tables()
    settings = environment(own_database, SENTRY_DSN=told.dsn)
    with gunicorn(tmp_path / "log", settings) as served:
        ada = sign_up(served)
        alter(own_database, 'ALTER TABLE "Movie" ADD CHECK (length(title) < 5)')
        answer = ada.post("/movies", {"title": "canary-title"}, X_Request_ID="bug-4")
        assert (answer.status, answer.headers["X-Request-ID"]) == (500, "bug-4")

        lines = [line for line in served.lines() if line.get("reqId") == "bug-4"]
        bug = next(line for line in lines if "err" in line)
        assert bug["err"]["type"] == "IntegrityError"
        assert line_of(lambda: lines[-1:], "bug-4")["statusCode"] == 500

        eventually(lambda: told.received, "it is told")
        (event,) = told.events
        assert event["tags"] == {"request_id": "bug-4"}
        assert event["user"] == {"id": ada.user["id"]}
        assert event["transaction"] == "POST /movies"
        types = [error["type"] for error in event["exception"]["values"]]
        assert types == ["CheckViolation", "IntegrityError"]

        labels = {"method": "POST", "route": "/movies", "status": "500"}
        assert figures_of(served)(COUNT, **labels) == 1
    for secret in ("canary-title", ada.token, ada.email, "Bearer", "vars", "cookie", "postgresql:"):
        assert secret not in str(told.received)


def alter(database_url: str, statement: str) -> None:
    engine = create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


def test_what_ends_a_command_is_told(told: Sentry, database_url: str) -> None:
    """A command that fails at night has nobody who reads its traceback."""
    settings = environment(database_url, SENTRY_DSN=told.dsn, PATH="/usr/bin")
    program = "from wsgi import app; raise RuntimeError('canary')"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=settings, stderr=subprocess.PIPE)
    (event,) = told.events
    assert event["exception"]["values"][0]["type"] == "RuntimeError"
    assert "canary" not in json.dumps(event["exception"]["values"][0].get("value", ""))
