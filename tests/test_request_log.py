"""One line of JSON for each request."""

import json
import logging

import pytest

from playlist_api.logs import Formatter, json_line, logging_config
from tests.service import PASSWORD, Actor, Lines, Service, call, line_of, sign_up


def test_a_request_is_one_line_with_pinos_fields(ada: Actor, lines: Lines) -> None:
    ada.get("/movies?page=2&limit=7", X_Request_ID="list-1")
    line = line_of(lines, "list-1")
    assert line["level"] == 30
    assert line["time"] > 1_700_000_000_000
    assert line["method"] == "GET"
    assert line["url"] == "/movies?page=2&limit=7"
    assert line["statusCode"] == 200
    assert 0 < line["responseTime"] < 60_000
    assert line["userId"] == ada.user["id"]
    assert line["msg"] == "request completed"


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


def test_a_line_cannot_be_forged_or_broken(service: Service, lines: Lines) -> None:
    path = "/%0A%7B%22level%22%3A30%7D/%FF/%1B%5B31m/%F0%9F%8E%AC"
    call(service, "GET", path, X_Request_ID="forged-1")
    line = line_of(lines, "forged-1")
    assert line["url"] == '/\n{"level":30}/\ufffd/\x1b[31m/🎬'


def test_no_line_holds_a_secret(ada: Actor, lines: Lines) -> None:
    eve = sign_up(ada.service)
    ada.hold(ada.refresh())
    ada.post("/auth/logout", cookie=ada.cookie)
    call(ada.service, "POST", "/auth/login", {"email": eve.email, "password": "x" + PASSWORD})
    call(ada.service, "GET", "/health/live", X_Request_ID="last-1")
    line_of(lines, "last-1")
    logged = json.dumps(lines())
    for secret in (PASSWORD, ada.token, ada.cookie, eve.token, eve.cookie, "argon2"):
        assert secret not in logged


def test_levels_are_pinos() -> None:
    for level, number in (
        (logging.DEBUG, 20),
        (logging.WARNING, 40),
        (logging.CRITICAL, 60),
        (5, 5),
    ):
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
