"""What nginx answers itself looks as the service's own errors do."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from dev.processes import eventually
from playlist_api.api.edge import EXPOSED, fixed_headers
from playlist_api.errors import envelope
from tests.support.nginx import Nginx, nginx
from tests.support.service import JSON, Answer, answer_to, free_port, line_of
from tests.support.upstream import Handler, Upstream, behind_nginx

BUSY = "The service is busy. Please try again in a moment."
MESSAGES = {429: "Too many tries. Please wait a little.", 502: BUSY, 503: BUSY, 504: BUSY}
"""Those of statuses for which the service has several, or none."""

FRONT_END = "http://localhost:3000"
NAMED = f"Host: localhost\r\nOrigin: {FRONT_END}\r\nX-Request-ID: named\r\n".encode()


def raw(line: bytes, *headers: bytes, body: bytes = b"") -> bytes:
    return b"\r\n".join([line, NAMED + b"Connection: close", *headers, b"", body])


PLAIN = raw(b"GET / HTTP/1.1")
MALFORMED = raw(b"GET / HTTP/1.1", b"X : y")
TRACE = raw(b"TRACE / HTTP/1.1")
LONG_HEADER = raw(b"GET / HTTP/1.1", b"X: " + b"y" * 9000)
UNKNOWN_CODING = raw(b"GET / HTTP/1.1", b"Transfer-Encoding: x")
PREFLIGHT = raw(b"OPTIONS / HTTP/1.1", b"Access-Control-Request-Method: PUT")
IN_CHUNKS = raw(
    b"POST / HTTP/1.1",
    b"Transfer-Encoding: chunked",
    body=b"100001\r\n" + b"x" * 0x100001 + b"\r\n0\r\n\r\n",
)


@pytest.fixture(scope="module")
def alone() -> Iterator[Nginx]:
    """An nginx with nobody behind it."""
    with nginx(free_port()) as front:
        yield front


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[Upstream, Nginx]]:
    with behind_nginx() as both:
        yield both


def check(answer: Answer, status: int, *, secure: bool = True, named: bool = True) -> None:
    """Fail unless an answer is as the service would have given it, in production.

    If it is named, its request's headers have been read: the front end may read it.
    """
    assert answer.status == status
    assert answer.body.decode() == envelope(status, MESSAGES.get(status))
    headers, fixed = dict(answer.headers), fixed_headers(production=secure)
    assert headers["Content-Type"] == JSON
    assert {name: headers.get(name) for name in fixed} == fixed
    assert len(answer.headers) == len(headers)
    assert ("Strict-Transport-Security" in headers) == secure
    assert ("Retry-After" in headers) == (status in {429, 502, 503, 504})
    assert ("Allow" in headers) == (status == 405)
    assert (headers["X-Request-ID"] == "named") == named
    if named:
        assert headers["Access-Control-Allow-Origin"] == FRONT_END
        assert headers["Access-Control-Allow-Credentials"] == "true"
        assert headers["Access-Control-Expose-Headers"] == EXPOSED


@pytest.mark.parametrize(
    ("status", "sent"),
    [
        (400, MALFORMED),
        (404, raw(b"GET /metrics HTTP/1.1")),
        (404, raw(b"GET /.error HTTP/1.1")),
        (405, TRACE),
        (413, raw(b"POST / HTTP/1.1", b"Content-Length: 65537")),
        (413, IN_CHUNKS),
        (431, LONG_HEADER),
        (501, UNKNOWN_CODING),
        (502, PLAIN),
        (502, PREFLIGHT),
    ],
)
def test_nginxs_own_errors_look_as_the_services(alone: Nginx, status: int, sent: bytes) -> None:
    check(answer_to(sent, alone.open()), status)


@pytest.mark.parametrize(
    ("status", "sent"),
    [
        (400, b"\0\r\n\r\n"),
        (414, raw(b"GET /" + b"x" * 9000 + b" HTTP/1.1")),
        (505, raw(b"GET / HTTP/2.0")),
    ],
)
def test_so_does_what_is_refused_before_its_headers_are_read(
    alone: Nginx, status: int, sent: bytes
) -> None:
    answer = answer_to(sent, alone.open())
    check(answer, status, named=False)
    line = line_of(alone.lines, answer.headers["X-Request-ID"])
    assert line["statusCode"] == status


@pytest.mark.parametrize(
    ("status", "sent"),
    [
        (400, MALFORMED),
        (405, TRACE),
        (431, LONG_HEADER),
        (501, UNKNOWN_CODING),
        (400, b"GET / HTTP/1.0\r\n\r\n"),
    ],
)
def test_so_do_errors_without_tls(alone: Nginx, status: int, sent: bytes) -> None:
    plain = socket.create_connection(("127.0.0.1", alone.plain_port), 10)
    check(answer_to(sent, plain), status, secure=False, named=NAMED in sent)
    without = socket.create_connection(("127.0.0.1", alone.port), 10)
    check(answer_to(PLAIN, without), 400, secure=False)


def test_a_client_that_is_still_sending_hears_why_it_is_in_vain(alone: Nginx) -> None:
    with alone.open() as connection:
        connection.sendall(b"GET /" + b"x" * 9000)
        assert connection.recv(65536).startswith(b"HTTP/1.1 414 ")
        for _ in range(50):
            connection.sendall(b"x" * 1000)


def test_the_log_has_the_request_that_failed(alone: Nginx) -> None:
    alone.send("DELETE", "/movies/1?x", None, {"X-Request-ID": "lost"})
    line = line_of(alone.lines, "lost")
    assert (line["method"], line["url"]) == ("DELETE", "/movies/1")
    assert (line["level"], line["statusCode"], line["upstreamStatus"]) == (50, 502, "502, 502")


def test_a_service_that_cannot_be_reached_is_a_504() -> None:
    with socket.socket() as full, ExitStack() as stack:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(8):  # until nobody else can connect
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        front = stack.enter_context(nginx(full.getsockname()[1]))
        check(answer_to(PLAIN, front.open()), 504)


def test_a_fault_of_nginxs_own_is_a_500(both: tuple[Upstream, Nginx]) -> None:
    _, front = both
    folder = front.folder / "client_body_temp"
    moved = folder.rename(front.folder / "moved")
    sent = raw(b"POST /movies HTTP/1.1", b"Content-Length: 100000", body=b"x" * 100_000)
    check(answer_to(sent, front.open()), 500)
    moved.rename(folder)


def test_the_services_own_failure_passes_as_it_is(both: tuple[Upstream, Nginx]) -> None:
    def fail(handler: Handler) -> None:
        handler.answer(503, b"mine", Retry_After="77", X_Request_ID="its")

    stub, front = both
    stub.reply = fail
    answer = front.send("GET", "/", None, {})
    assert (answer.status, answer.body, len(stub.heard)) == (503, b"mine", 1)
    assert (answer.headers["Retry-After"], answer.headers["X-Request-ID"]) == ("77", "its")
    assert line_of(front.lines, "its")["upstreamStatus"] == "503"


@pytest.mark.parametrize("origin", ["https://evil.example", "null", f"{FRONT_END}/", ""])
def test_a_foreign_page_may_read_none_of_them(alone: Nginx, origin: str) -> None:
    headers = alone.send("GET", "/metrics", None, {"Origin": origin}).headers
    assert not [name for name, _ in headers if name.startswith("Access-Control")]
    assert headers["Vary"] == "Origin"


def test_one_address_cannot_take_all_connections(alone: Nginx) -> None:
    half = raw(b"POST / HTTP/1.1", b"Content-Length: 9")
    with ExitStack() as held:

        def refused_beside_more() -> Answer | None:
            # Those that came first may have been given up already, where all is slow.
            for _ in range(64):
                held.enter_context(alone.open()).sendall(half)
            answer = answer_to(PLAIN, alone.open())
            return answer if answer.status == 429 else None

        answer = eventually(refused_beside_more, "there are too many")
        assert answer
        check(answer, 429)
    eventually(
        lambda: answer_to(PLAIN, alone.open()).status == 502, "there are not too many any more"
    )
