"""One line for each request: JSON for machines, text for people."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from playlist_api.app import create_app
from playlist_api.ops.logs import Formatter, json_line, logging_config, text_line
from tests.support.service import (
    PASSWORD,
    Actor,
    InProcess,
    Lines,
    Service,
    call,
    environment,
    gunicorn,
    line_of,
)
from tests.test_errors import add_view, raising


def test_a_request_is_one_line_with_pinos_fields(ada: Actor, lines: Lines) -> None:
    ada.get("/movies?page=2&limit=7", X_Request_ID="list-1")
    line = line_of(lines, "list-1")
    expected = {"level": 30, "method": "GET", "url": "/movies?page=2&limit=7", "statusCode": 200}
    expected |= {"userId": ada.user["id"], "msg": "request completed"}
    assert line.items() >= expected.items()
    assert line["time"] > 1_700_000_000_000
    assert 0 < line["responseTime"] < 60_000


def test_a_refused_request_is_logged_without_a_user(service: Service, lines: Lines) -> None:
    call(service, "DELETE", "/nothing", X_Request_ID="refused-1")
    line = line_of(lines, "refused-1")
    assert (line["method"], line["url"], line["statusCode"]) == ("DELETE", "/nothing", 404)
    assert line["userId"] is None


@pytest.mark.parametrize("path", ["/auth/signup", "/auth/login", "/auth/refresh"])
def test_signing_in_is_logged_with_the_user(ada: Actor, lines: Lines, path: str) -> None:
    body = {"name": "Ada", "email": ada.email, "password": PASSWORD}
    if path == "/auth/signup":
        body["email"] = f"log.{ada.email}"
    request_id = path.replace("/", "-")
    answer = call(ada.service, "POST", path, body, cookie=ada.cookie, X_Request_ID=request_id)
    line = line_of(lines, request_id)
    assert line["userId"] == answer.json["user"]["id"]


def test_a_parameter_that_the_api_does_not_know_may_be_a_secret(ada: Actor, lines: Lines) -> None:
    ada.get(f"/movies?page=1&{ada.token}&limit={ada.token}&page=2", X_Request_ID="secret-1")
    line = line_of(lines, "secret-1")
    assert line["url"] == "/movies?page=1&***&***&page=2"


def test_what_people_look_for_is_their_own_and_how_they_sort_is_not(
    ada: Actor, lines: Lines
) -> None:
    query = "search=1999&search=title&year=1990..1999&year=x&sort=-title&sort=tok3n&cursor=1"
    ada.get(f"/movies?{query}", X_Request_ID="search-1")
    line = line_of(lines, "search-1")
    assert line["url"] == "/movies?***&***&year=1990..1999&***&sort=-title&***&***"


def test_a_line_cannot_be_forged_or_broken(service: Service, lines: Lines) -> None:
    path = "/%0A%7B%22level%22%3A30%7D/%FF/%1B%5B31m/%F0%9F%8E%AC"
    call(service, "GET", path, X_Request_ID="forged-1")
    line = line_of(lines, "forged-1")
    assert line["url"] == '/\n{"level":30}/\ufffd/\x1b[31m/🎬'


@pytest.mark.parametrize(
    ("level", "number"),
    [(logging.DEBUG, 20), (logging.WARNING, 40), (logging.CRITICAL, 60), (5, 5)],
)
def test_levels_are_pinos(level: int, number: int) -> None:
    record = logging.LogRecord("x", level, __file__, 1, "a %s", ("b",), None)
    line = json.loads(Formatter().format(record))
    assert (line["level"], line["msg"]) == (number, "a b")
    assert "reqId" not in line


@pytest.mark.parametrize(
    ("message", "kept"),
    [
        ("Invalid request from ip=127.0.0.1: anything", False),
        ("Starting gunicorn", True),
        (ValueError("no text"), True),
    ],
)
def test_only_what_quotes_a_request_is_left_out(message: object, kept: bool) -> None:
    record = logging.LogRecord("gunicorn.error", logging.INFO, __file__, 1, message, None, None)
    assert logging_config("json")["filters"]["unquoted"]["()"]()(record) is kept


def test_a_line_can_quote_what_is_no_unicode() -> None:
    assert json.loads(json_line(20, 0.0, "x", "\ud800", {}))["msg"] == "\ud800"


def test_whoever_traces_requests_finds_their_lines(service: Service, lines: Lines) -> None:
    trace, span = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    call(service, "GET", "/health", X_Request_ID="traced-1", traceparent=f"00-{trace}-{span}-01")
    line = line_of(lines, "traced-1")
    assert (line["trace_id"], line["span_id"]) == (trace, span)
    call(service, "GET", "/health", X_Request_ID="traced-2", traceparent="00-x\t")
    assert "trace_id" not in line_of(lines, "traced-2")


@pytest.fixture
def quiet_app(database_url: str) -> Iterator[Flask]:
    yield create_app(environment(database_url, LOG_LEVEL="error", LOG_FORMAT="text"))
    logging.getLogger("playlist_api").setLevel(logging.INFO)


def test_nothing_below_the_level_is_logged(
    quiet_app: Flask, capsys: pytest.CaptureFixture[str]
) -> None:
    add_view(quiet_app, raising(KeyError("cause")))
    call(InProcess(quiet_app), "GET", "/health")
    assert capsys.readouterr().out == ""
    call(InProcess(quiet_app), "GET", "/view", X_Request_ID="a-long-request-id")
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"{line[:8]} ERROR   GET /view 500 ")
    assert line.endswith(" ms reqId=a-long-request-id")


def test_level_and_format_are_gunicorns_too(database_url: str, tmp_path: Path) -> None:
    settings = environment(database_url, LOG_LEVEL="error", LOG_FORMAT="text")
    with gunicorn(tmp_path / "log", settings) as served:
        call(served, "GET", "/health")
    assert (tmp_path / "log").read_text() == ""


def test_text_cannot_be_forged_either() -> None:
    fields = {"method": "GET", "url": "/\n\x1b[31mé", "statusCode": 404, "responseTime": 1.5}
    line = text_line(logging.INFO, 0.0, "x", "request completed", {**fields, "userId": None})
    assert line[9:] == r"INFO    GET /\n\x1b[31mé 404 1.5 ms"


def test_text_has_tracebacks_on_lines_of_their_own() -> None:
    try:
        raise ValueError("\x07")
    except ValueError as error:
        info = (ValueError, error, error.__traceback__)
    record = logging.LogRecord("x", logging.ERROR, __file__, 1, "oh", None, info)
    first, *others = Formatter("text").format(record).splitlines()
    assert first[9:] == "ERROR   x oh"
    assert others[0].startswith("Traceback")
    assert others[-1] == r"ValueError: \x07"
