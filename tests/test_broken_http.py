"""What is no HTTP, or just barely: it is answered once, as it should be, and harms nobody."""

import re
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from io import BufferedReader
from itertools import islice

import pytest
from werkzeug.datastructures import Headers

from tests.broken_http import HALVES, HEADLESS, SMUGGLED, SMUGGLING, WHOLE, Answers, Row, get
from tests.nginx import Nginx, nginx
from tests.service import Answer, Gunicorn, Service, call

CODES = {
    400: "VALIDATION_ERROR",
    401: "UNAUTHORIZED",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    413: "PAYLOAD_TOO_LARGE",
    414: "URI_TOO_LONG",
    415: "UNSUPPORTED_MEDIA_TYPE",
    417: "EXPECTATION_FAILED",
    431: "REQUEST_HEADER_FIELDS_TOO_LARGE",
    501: "NOT_IMPLEMENTED",
    505: "HTTP_VERSION_NOT_SUPPORTED",
}
Connect = Callable[[float], socket.socket]
"""Connects, to wait for so many seconds at the most."""

LAST = get(b"Connection: close", b"X-Request-ID: last")
RESET = struct.pack("ii", 1, 0)
"""The option by which a socket that is closed says so at once, and waits for nobody."""


def rows(*tables: dict[str, Row]) -> pytest.MarkDecorator:
    named = [pytest.param(row, id=name) for table in tables for name, row in table.items()]
    return pytest.mark.parametrize("row", named)


@pytest.fixture(scope="module")
def front(served: Gunicorn) -> Iterator[Nginx]:
    with nginx(served.port) as front:
        yield front


@pytest.fixture(params=["gunicorn", "nginx"])
def way(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def connect(way: str, served: Gunicorn, front: Nginx) -> Iterator[Connect]:
    """Connects to whoever is sent to, who afterwards must still serve; to nginx with TLS."""
    yield front.open if way == "nginx" else to_gunicorn(served)
    service: Service = front if way == "nginx" else served
    alive = call(service, "GET", "/health/live", X_Request_ID="a")
    assert (alive.status, alive.headers["X-Request-ID"]) == (200, "a")


def expected(row: Row, way: str) -> tuple[int, ...]:
    _, gunicorn, nginx = row
    answers: Answers = gunicorn if way == "gunicorn" else nginx
    return answers if isinstance(answers, tuple) else (answers,)


@rows(*WHOLE)
def test_what_is_sent_is_answered_as_often_and_as_it_should_be(
    row: Row, way: str, connect: Connect
) -> None:
    answers = expected(row, way)
    assert exchange(connect, row[0], len(answers)) == answers


@rows(HALVES)
def test_half_a_request_is_given_up_when_its_client_is_done(
    row: Row, way: str, connect: Connect
) -> None:
    with connect(10) as connection:
        connection.sendall(row[0])
        # That of TLS would forget how to read what comes.
        socket.socket.shutdown(connection, socket.SHUT_WR)
        with connection.makefile("rb") as stream:
            answers = tuple(map(checked, read_answers(stream)))
    assert answers == expected(row, way)


@rows(HALVES)
def test_half_a_request_of_a_client_that_vanishes_harms_nobody(row: Row, connect: Connect) -> None:
    with connect(10) as connection:
        connection.sendall(row[0])
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)


@rows(SMUGGLING)
def test_a_request_within_another_is_not_served(
    row: Row, way: str, connect: Connect, served: Gunicorn
) -> None:
    answers, before = expected(row, way), times_smuggled(served)
    assert exchange(connect, row[0], len(answers)) == answers
    assert times_smuggled(served) == before


def test_a_request_that_others_hide_would_be_served(served: Gunicorn) -> None:
    before = times_smuggled(served)
    assert exchange(to_gunicorn(served), SMUGGLED, 1) == (201,)
    assert times_smuggled(served) == before + 1


def test_clients_that_do_not_hang_up_delay_nobody(connect: Connect) -> None:
    with ExitStack() as idle:
        for _ in range(10):
            # None is answered so late that gunicorn could have waited for another to hang up.
            connection = idle.enter_context(connect(1.9))
            connection.sendall(b"nonsense\r\n\r\n")
            assert connection.recv(12) == b"HTTP/1.1 400"


def times_smuggled(served: Gunicorn) -> int:
    return served.log.read_text().count('"smuggled"')


def to_gunicorn(served: Gunicorn) -> Connect:
    return lambda timeout: socket.create_connection(("127.0.0.1", served.port), timeout)


def exchange(connect: Connect, sent: bytes, count: int) -> tuple[int, ...]:
    """Send bytes as they are, wait for `count` answers, then ask once more on the connection.

    What follows is the end, or what was asked for: return all other answers.
    """
    with connect(10) as connection, connection.makefile("rb") as stream:
        connection.sendall(sent)
        answers = read_answers(stream, bodiless=sent.startswith(b"HEAD "))
        found = list(islice(answers, count))
        with suppress(OSError):
            connection.sendall(LAST)
            found += answers
    if found and found[-1].headers.get("X-Request-ID") == "last":
        assert found.pop().status == 200
    return tuple(map(checked, found))


def read_answers(stream: BufferedReader, *, bodiless: bool = False) -> Iterator[Answer]:
    """Read answers until the connection ends, of which the first may be one to a HEAD."""
    while line := stream.readline():
        status = re.fullmatch(rb"HTTP/1\.[0-9] ([0-9]{3}) [ -~]*\r\n", line)
        if not status:
            yield Answer(HEADLESS, Headers(), line + stream.read())
            return
        headers = Headers()
        for header in iter(stream.readline, b"\r\n"):
            name, value = header.decode().rstrip("\r\n").split(": ", 1)
            headers.add(name, value)
        length = 0 if bodiless else int(headers.get("Content-Length", 0))
        yield Answer(int(status[1]), headers, stream.read(length))
        bodiless = False


def checked(answer: Answer) -> int:
    """Return an answer's status; all else must be what clients expect, whoever answers."""
    if answer.status in {100, HEADLESS}:
        return answer.status
    if answer.status >= 400:
        assert answer.error["code"] == CODES.get(answer.status)
        assert ("details" in answer.error) == (answer.status == 400)
        assert ("Allow" in answer.headers) == (answer.status == 405)
        assert re.fullmatch("[0-9a-f-]{32,36}", answer.headers["X-Request-ID"])
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    return answer.status
