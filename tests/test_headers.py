"""The headers of every answer."""

import re
from collections.abc import Callable
from uuid import UUID

import pytest
from flask import Flask

from playlist_api.app import create_app
from tests.support.service import (
    PASSWORD,
    Actor,
    Answer,
    InProcess,
    Service,
    call,
    environment,
    new_email,
)

FRONT_END = "http://localhost:3000"
FOREIGN = "https://evil.example"

SECURITY = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Permitted-Cross-Domain-Policies": "none",
}


KINDS: dict[str, Callable[..., Answer]] = {
    "ok": lambda ada, **headers: ada.get("/movies", **headers),
    "created": lambda ada, **headers: ada.post("/movies", {"title": "Heat"}, **headers),
    "no content": lambda ada, **headers: ada.post("/auth/logout", token=None, **headers),
    "preflight": lambda ada, **headers: ada.call(
        "OPTIONS", "/movies", Access_Control_Request_Method="POST", **headers
    ),
    "400": lambda ada, **headers: ada.post("/movies", {}, **headers),
    "401": lambda ada, **headers: ada.get("/me", token=None, **headers),
    "404": lambda ada, **headers: ada.get("/nothing", **headers),
    "405": lambda ada, **headers: ada.delete("/movies", **headers),
    "415": lambda ada, **headers: ada.post("/movies", b"x", Content_Type="text/plain", **headers),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_answer_has_the_security_headers(witness: Actor, kind: str) -> None:
    headers = KINDS[kind](witness).headers
    assert {name: headers.get(name) for name in SECURITY} == SECURITY
    assert "Strict-Transport-Security" not in headers
    assert headers["Vary"] == "Origin"


@pytest.mark.parametrize("kind", KINDS)
def test_the_front_end_may_read_every_answer(witness: Actor, kind: str) -> None:
    headers = KINDS[kind](witness, Origin=FRONT_END).headers
    assert headers["Access-Control-Allow-Origin"] == FRONT_END
    assert headers["Access-Control-Allow-Credentials"] == "true"
    assert "X-Request-ID" in headers["Access-Control-Expose-Headers"]
    assert headers["Vary"] == "Origin"


@pytest.mark.parametrize("origin", [FOREIGN, "null", "", "http://localhost:3001", f"{FRONT_END}/"])
def test_a_foreign_page_may_read_none(service: Service, origin: str) -> None:
    for path in ("/health", "/nothing"):
        headers = call(service, "GET", path, Origin=origin).headers
        assert not [name for name in headers.keys() if name.startswith("Access-Control")]  # noqa: SIM118 - iterating gives pairs
        assert headers["Vary"] == "Origin"


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/movies", {"GET", "HEAD", "POST", "OPTIONS"}),
        ("/movies/1", {"GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"}),
        ("/auth/refresh", {"POST", "OPTIONS"}),
    ],
)
def test_a_preflight_tells_what_the_front_end_may_send(
    service: Service, path: str, methods: set[str]
) -> None:
    wanted = {"Method": "POST", "Headers": "authorization,content-type"}
    asked = {f"Access_Control_Request_{name}": value for name, value in wanted.items()}
    answer = call(service, "OPTIONS", path, Origin=FRONT_END, **asked)
    assert (answer.status, answer.body) == (200, b"")
    assert set(answer.headers["Access-Control-Allow-Methods"].split(", ")) == methods
    allowed = answer.headers["Access-Control-Allow-Headers"].lower().split(", ")
    assert {"authorization", "content-type"} <= set(allowed)
    assert int(answer.headers["Access-Control-Max-Age"]) > 0


def test_a_request_id_is_made_for_each_request(service: Service) -> None:
    first, second = (call(service, "GET", "/health").headers["X-Request-ID"] for _ in range(2))
    assert UUID(first) != UUID(second)


@pytest.mark.parametrize("wanted", ["a", "abc-123", "req_1.2", str(UUID(int=1)), "x" * 64])
def test_a_clients_plain_request_id_is_taken_over(service: Service, wanted: str) -> None:
    for path in ("/health", "/nothing"):
        assert call(service, "GET", path, X_Request_ID=wanted).headers["X-Request-ID"] == wanted


@pytest.mark.parametrize(
    "wanted", ["", " ", "x" * 65, "a b", 'a"b', "a\tb", "{}", "<b>", "é", "a;b", "a,b", "a/b"]
)
def test_any_other_request_id_is_replaced(service: Service, wanted: str) -> None:
    given = call(service, "GET", "/health", X_Request_ID=wanted).headers["X-Request-ID"]
    assert re.fullmatch("[0-9a-f-]{36}", given)


def test_in_production_browsers_keep_to_tls(database_url: str) -> None:
    app = create_app(environment(database_url, APP_ENV="production"))
    account = {"name": "Ada", "email": new_email(), "password": PASSWORD}
    answer = call(InProcess(app), "POST", "/auth/signup", account)
    assert answer.cookie["secure"]
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=31536000")


def test_origins_are_settings(database_url: str) -> None:
    origins = "https://app.example.com, https://admin.example.com"
    app: Flask = create_app(environment(database_url, CORS_ORIGINS=origins))
    for origin in origins.split(", "):
        headers = call(InProcess(app), "GET", "/health", Origin=origin).headers
        assert headers["Access-Control-Allow-Origin"] == origin
    headers = call(InProcess(app), "GET", "/health", Origin=FRONT_END).headers
    assert "Access-Control-Allow-Origin" not in headers
