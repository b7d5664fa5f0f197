"""What nginx answers itself looks as the service's own errors do."""

import re
import shutil
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from http.client import HTTPResponse

import pytest
from werkzeug.datastructures import Headers

from playlist_api.api.headers import EXPOSED, HSTS, fixed_headers
from playlist_api.errors import envelope
from tests.nginx import SHIPPED, Nginx, nginx
from tests.service import JSON, Answer, free_port, line_of
from tests.upstream import Handler, upstream
from tests.waiting import eventually

BUSY = "The service is busy. Please try again in a moment."
MESSAGES = {429: "Too many tries. Please wait a little.", 502: BUSY, 503: BUSY, 504: BUSY}
"""Those of statuses for which the service has several, or none."""

PAGES = SHIPPED / "nginx" / "error-pages.conf"
FRONT_END = "http://localhost:3000"
NAMED = f"Host: localhost\r\nOrigin: {FRONT_END}\r\nX-Request-ID: named\r\n".encode()


def raw(line: bytes, *headers: bytes, body: bytes = b"") -> bytes:
    return b"\r\n".join([line, NAMED + b"Connection: close", *headers, b"", body])


REFUSED = {
    "400": raw(b"GET / HTTP/1.1", b"X : y"),
    "404": raw(b"GET /metrics HTTP/1.1"),
    "404 of its own": raw(b"GET /.error HTTP/1.1"),
    "405": raw(b"TRACE / HTTP/1.1"),
    "413": raw(b"POST / HTTP/1.1", b"Content-Length: 65537"),
    "413 in chunks": raw(
        b"POST / HTTP/1.1",
        b"Transfer-Encoding: chunked",
        body=b"100001\r\n" + b"x" * 0x100001 + b"\r\n0\r\n\r\n",
    ),
    "431": raw(b"GET / HTTP/1.1", b"X: " + b"y" * 9000),
    "501": raw(b"GET / HTTP/1.1", b"Transfer-Encoding: x"),
    "502": raw(b"GET / HTTP/1.1"),
    "502 to a preflight": raw(b"OPTIONS / HTTP/1.1", b"Access-Control-Request-Method: PUT"),
}
NAMELESS = {
    "400": b"\0\r\n\r\n",
    "414": raw(b"GET /" + b"x" * 9000 + b" HTTP/1.1"),
    "505": raw(b"GET / HTTP/2.0"),
}
"""What is refused before its headers are read."""


@pytest.fixture(scope="module")
def alone() -> Iterator[Nginx]:
    """An nginx with nobody behind it."""
    with nginx(free_port()) as front:
        yield front


def exchange(connection: socket.socket, sent: bytes) -> Answer:
    with closing(connection):
        connection.sendall(sent)
        answer = HTTPResponse(connection)
        answer.begin()
        return Answer(answer.status, Headers(answer.getheaders()), answer.read())


def check(answer: Answer, status: int, *, secure: bool = True) -> None:
    """Fail unless an answer is as the service would have given it, in production."""
    assert answer.status == status
    assert answer.body.decode() == envelope(status, MESSAGES.get(status))
    headers, fixed = dict(answer.headers), fixed_headers(production=secure)
    assert headers["Content-Type"] == JSON
    assert {name: headers.get(name) for name in fixed} == fixed
    assert len(answer.headers) == len(headers)
    assert ("Strict-Transport-Security" in headers) == secure
    assert ("Retry-After" in headers) == (status in {429, 502, 503, 504})
    assert ("Allow" in headers) == (status == 405)


def check_named(answer: Answer) -> None:
    """Fail unless the front end may read an answer, which has the request's id."""
    assert answer.headers["X-Request-ID"] == "named"
    assert answer.headers["Access-Control-Allow-Origin"] == FRONT_END
    assert answer.headers["Access-Control-Allow-Credentials"] == "true"
    assert answer.headers["Access-Control-Expose-Headers"] == EXPOSED


def test_the_envelopes_are_the_services() -> None:
    told = (SHIPPED / "nginx" / "errors.conf").read_text()
    envelopes = dict(re.findall(r"^    (\d{3}) '(.*)\\n';$", told, re.MULTILINE))
    pages = " ".join(re.findall("error_page (.*) /", PAGES.read_text()))
    assert set(envelopes) | {"500", "494", "495", "496", "497"} == set(re.findall(r"\d+", pages))
    for status, body in envelopes.items():
        assert f"{body}\n" == envelope(int(status), MESSAGES.get(int(status)))
    assert f'"{HSTS}"' in told
    assert f'"{EXPOSED}"' in told


@pytest.mark.parametrize("kind", REFUSED)
def test_nginxs_own_errors_look_as_the_services(alone: Nginx, kind: str) -> None:
    answer = exchange(alone.open(), REFUSED[kind])
    check(answer, int(kind[:3]))
    check_named(answer)


def test_who_is_still_sending_hears_why_it_is_in_vain(alone: Nginx) -> None:
    with alone.open() as connection:
        connection.sendall(b"GET /" + b"x" * 9000)
        assert connection.recv(65536).startswith(b"HTTP/1.1 414 ")
        for _ in range(50):
            connection.sendall(b"x" * 1000)


@pytest.mark.parametrize("kind", NAMELESS)
def test_so_does_what_cannot_be_read_at_all(alone: Nginx, kind: str) -> None:
    answer = exchange(alone.open(), NAMELESS[kind])
    check(answer, int(kind))
    line = line_of(alone.lines, answer.headers["X-Request-ID"])
    assert line["statusCode"] == int(kind)


def test_the_log_has_the_request_that_failed(alone: Nginx) -> None:
    alone.send("DELETE", "/movies/1?x", None, {"X-Request-ID": "lost"})
    line = line_of(alone.lines, "lost")
    assert (line["method"], line["url"]) == ("DELETE", "/movies/1")
    assert (line["level"], line["statusCode"], line["upstreamStatus"]) == (50, 502, "502, 502")


@pytest.mark.parametrize("kind", ["400", "405", "431", "501"])
def test_so_do_errors_without_tls(alone: Nginx, kind: str) -> None:
    plain = socket.create_connection(("127.0.0.1", alone.plain_port), 10)
    answer = exchange(plain, REFUSED[kind])
    check(answer, int(kind), secure=False)
    check_named(answer)


def test_so_does_a_request_without_tls_where_it_must_be(alone: Nginx) -> None:
    plain = socket.create_connection(("127.0.0.1", alone.port), 10)
    answer = exchange(plain, REFUSED["502"])
    check(answer, 400, secure=False)
    check_named(answer)


def test_a_redirect_needs_a_host(alone: Nginx) -> None:
    plain = socket.create_connection(("127.0.0.1", alone.plain_port), 10)
    check(exchange(plain, b"GET / HTTP/1.0\r\n\r\n"), 400, secure=False)


def test_a_service_that_cannot_be_reached_is_a_504() -> None:
    with socket.socket() as full, ExitStack() as stack:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        _fill(stack, full.getsockname())
        front = stack.enter_context(nginx(full.getsockname()[1]))
        answer = exchange(front.open(), REFUSED["502"])
    check(answer, 504)
    check_named(answer)


def _fill(stack: ExitStack, address: tuple[str, int]) -> None:
    """Connect until nobody else can."""
    for _ in range(8):
        waiting = stack.enter_context(socket.socket())
        waiting.setblocking(False)
        waiting.connect_ex(address)


def test_a_fault_of_nginxs_own_is_a_500() -> None:
    with upstream() as stub, nginx(stub.server_port) as front:
        shutil.rmtree(front.folder / "client_body_temp")
        sent = raw(b"POST /movies HTTP/1.1", b"Content-Length: 100000", body=b"x" * 100_000)
        answer = exchange(front.open(), sent)
    check(answer, 500)
    check_named(answer)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", f"{FRONT_END}/", ""])
def test_a_foreign_page_may_read_none_of_them(alone: Nginx, origin: str) -> None:
    headers = alone.send("GET", "/metrics", None, {"Origin": origin}).headers
    assert not [name for name, _ in headers if name.startswith("Access-Control")]
    assert headers["Vary"] == "Origin"


def test_the_services_own_failure_passes_as_it_is() -> None:
    def fail(handler: Handler) -> None:
        handler.answer(503, b"mine", Retry_After="77", X_Request_ID="its")

    with upstream(fail) as stub, nginx(stub.server_port) as front:
        answer = front.send("GET", "/", None, {})
        assert (answer.status, answer.body, len(stub.heard)) == (503, b"mine", 1)
        assert (answer.headers["Retry-After"], answer.headers["X-Request-ID"]) == ("77", "its")
        assert line_of(front.lines, "its")["upstreamStatus"] == "503"


def test_one_address_cannot_take_all_connections(alone: Nginx) -> None:
    half = raw(b"POST / HTTP/1.1", b"Content-Length: 9")
    with ExitStack() as held:

        def refused_beside_more() -> list[Answer]:
            # Those that came first may have been given up already, where all is slow.
            for _ in range(64):
                held.enter_context(alone.open()).sendall(half)
            return _if(429, alone)

        (answer,) = eventually(refused_beside_more, "there are too many")
        check(answer, 429)
        check_named(answer)
    eventually(lambda: _if(502, alone), "there are not too many any more")


def _if(status: int, front: Nginx) -> list[Answer]:
    answer = exchange(front.open(), REFUSED["502"])
    return [answer] if answer.status == status else []
