"""Security events: what operators can count on, and that no log ever holds a secret."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from dev.processes import eventually
from tests.support.service import PASSWORD, Actor, Lines, Service, call, line_of, log_in, sign_up
from tests.test_isolation import MATRIX

CANARY = "canary-8f14e45f-that-no-log-may-hold"


def log_in_wrongly(actor: Actor, **headers: str) -> None:
    credentials = {"email": actor.email, "password": CANARY}
    call(actor.service, "POST", "/auth/login", credentials, **headers)


def replay(actor: Actor, **headers: str) -> None:
    oldest = actor.cookie
    actor.hold(actor.refresh())
    actor.hold(actor.refresh())
    actor.refresh(oldest, **headers)


def session_of(actor: Actor) -> str:
    sessions = actor.get("/auth/sessions").json["items"]
    return next(str(session["id"]) for session in sessions if session["current"])


CONFIRMED = {"currentPassword": PASSWORD}

EVENTS: dict[str, Callable[..., object]] = {
    "login_succeeded": lambda ada, **headers: call(
        *(ada.service, "POST", "/auth/login", {"email": ada.email, "password": PASSWORD}), **headers
    ),
    "login_failed": log_in_wrongly,
    "refresh_token_reused": replay,
    "logged_out": lambda ada, **headers: ada.post("/auth/logout", **headers),
    "session_ended": lambda ada, **headers: ada.delete(
        f"/auth/sessions/{session_of(ada)}", **headers
    ),
    "other_sessions_ended": lambda ada, **headers: ada.delete("/auth/sessions", **headers),
    "password_not_confirmed": lambda ada, **headers: ada.delete(
        "/me", {"currentPassword": CANARY}, **headers
    ),
    "password_changed": lambda ada, **headers: ada.put(
        "/auth/password", {**CONFIRMED, "newPassword": CANARY}, **headers
    ),
    "email_changed": lambda ada, **headers: ada.patch(
        "/me", {**CONFIRMED, "email": f"new.{ada.email}"}, **headers
    ),
    "account_exported": lambda ada, **headers: ada.get("/me/export", **headers),
    "account_deleted": lambda ada, **headers: ada.delete("/me", CONFIRMED, **headers),
    "denied": lambda ada, **headers: ada.get(
        f"/movies/{sign_up(ada.service).add_movie()['id']}", **headers
    ),
}


@pytest.mark.parametrize("event", EVENTS)
def test_an_event_is_a_part_of_its_requests_line(ada: Actor, lines: Lines, event: str) -> None:
    EVENTS[event](ada, X_Request_ID=event)
    line = line_of(lines, event)
    assert line["event"] == event
    assert line["userId"] == ada.user["id"]
    assert line["msg"] == "request completed"
    assert line["remoteAddress"] == "127.0.0.1"


def test_each_of_a_requests_events_is_a_line(ada: Actor, lines: Lines) -> None:
    elsewhere = log_in(ada)
    ended = {session_of(device) for device in (ada, elsewhere)}
    ada.post("/auth/logout", cookie=elsewhere.cookie, X_Request_ID="both")

    def told() -> list[Any]:
        return [line for line in lines() if line.get("reqId") == "both"]

    eventually(lambda: len(told()) > 1, "both are logged")
    assert sorted(line["msg"] for line in told()) == ["logged_out", "request completed"]
    assert {line["sessionId"] for line in told() if line["event"] == "logged_out"} == ended
    assert {(line["userId"], line["remoteAddress"]) for line in told()} == {
        (ada.user["id"], "127.0.0.1")
    }


def test_signing_up_is_an_event(service: Service, lines: Lines) -> None:
    ada = sign_up(service)
    signed_up = eventually(
        lambda: [line for line in lines() if line.get("userId") == ada.user["id"]],
        "the request is logged",
    )
    assert [line["event"] for line in signed_up] == ["signed_up"]


def test_a_foreign_origin_is_an_event(ada: Actor, lines: Lines) -> None:
    ada.refresh(Origin="https://evil.example", X_Request_ID="foreign")
    line = line_of(lines, "foreign")
    assert (line["event"], line["origin"]) == ("foreign_origin_refused", "https://evil.example")


def test_a_command_logs_a_line_of_its_own(app: Flask, eve: Actor) -> None:
    result = app.test_cli_runner().invoke(args=["users", "promote", eve.email])
    line = json.loads(result.stderr)
    assert (line["event"], line["userId"]) == ("role_changed", eve.user["id"])


def test_an_email_that_is_taken_is_no_event(ada: Actor, bob: Actor, lines: Lines) -> None:
    body = {"email": bob.email, "currentPassword": PASSWORD}
    assert ada.patch("/me", body, X_Request_ID="taken").status == 409
    line = line_of(lines, "taken")
    assert "event" not in line


@pytest.mark.parametrize("route", MATRIX)
def test_no_line_holds_what_a_request_should_keep_secret(
    ada: Actor, lines: Lines, route: str
) -> None:
    method, path = re.sub("{.*}", "1", route).split()
    fields = ["name", "email", "password", "currentPassword", "newPassword", "token", "title"]
    body: dict[str, str] = dict.fromkeys(fields, CANARY)
    real = {**body, "email": ada.email, "name": "Ada", "title": "Heat"}
    for number, content in enumerate((body, real, CANARY.encode())):
        for how in ({"token": CANARY, "cookie": CANARY}, {"token": ada.token}):
            request_id = f"canary-{number}"
            query = f"{path}?{CANARY}&page={CANARY}&x={CANARY}"
            call(ada.service, method, query, content, X_Request_ID=request_id, **how)
    log_in_wrongly(ada, X_Request_ID="canary-last")
    eventually(
        lambda: [line for line in lines() if line.get("reqId") == "canary-last"], "all is logged"
    )
    logged = json.dumps(lines())
    for secret in (CANARY, ada.token, ada.cookie, "argon2", "$2b$"):
        assert secret not in logged
