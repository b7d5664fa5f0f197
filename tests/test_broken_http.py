"""What is no HTTP, or just barely: it is answered once, as it should be, and harms nobody."""

import re
import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from io import BufferedReader
from itertools import islice

import pytest
from werkzeug.datastructures import Headers

from playlist_api.errors import code_of
from tests.support.broken_http import (
    HALVES,
    HEADER,
    HEADLESS,
    SMUGGLED,
    SMUGGLING,
    WHOLE,
    Answers,
    Table,
)
from tests.support.nginx import Nginx, nginx
from tests.support.service import Answer, Gunicorn, call

Group = tuple[list[bytes], Answers, Answers]
LAST = HEADER % b"Connection: close\r\nX-Request-ID: last"
RESET = struct.pack("ii", 1, 0)
"""The option by which closing a socket resets the connection."""


def rows(table: Table) -> pytest.MarkDecorator:
    """Run a test for each row of a table: what is sent, and the answers of gunicorn and nginx."""
    return pytest.mark.parametrize(
        "group",
        [
            pytest.param(([template % value for value in values], *answers), id=f"{answers}")
            for (template, *answers), values in table.items()
        ],
    )


@pytest.fixture(scope="module")
def front(served: Gunicorn) -> Iterator[Nginx]:
    with nginx(served.port) as front:
        yield front


@dataclass(frozen=True)
class Server:
    """Gunicorn, or nginx with TLS in front of it."""

    service: Gunicorn | Nginx

    def connect(self, timeout: float = 10) -> socket.socket:
        if isinstance(self.service, Nginx):
            return self.service.open(timeout)
        return socket.create_connection(("127.0.0.1", self.service.port), timeout)

    def expected(self, group: Group) -> dict[bytes, tuple[int, ...]]:
        """Return what must be found for each request that is sent."""
        sent, gunicorn, nginx = group
        answers = nginx if isinstance(self.service, Nginx) else gunicorn
        return dict.fromkeys(sent, answers if isinstance(answers, tuple) else (answers,))


@pytest.fixture(params=["served", "front"], ids=["gunicorn", "nginx"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server that must still serve afterwards."""
    server = Server(request.getfixturevalue(request.param))
    yield server
    alive = call(server.service, "GET", "/health/live", X_Request_ID="a")
    assert (alive.status, alive.headers["X-Request-ID"]) == (200, "a")


@rows(WHOLE)
def test_what_is_sent_is_answered_as_often_and_as_it_should_be(
    group: Group, server: Server
) -> None:
    expected = server.expected(group)
    assert {sent: exchange(server, sent, len(expected[sent])) for sent in expected} == expected


@rows(HALVES)
def test_half_a_request_is_given_up_when_its_client_is_done_or_vanishes(
    group: Group, server: Server
) -> None:
    found = {}
    for sent in group[0]:
        with server.connect() as connection:
            connection.sendall(sent)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        with server.connect() as connection:
            connection.sendall(sent)
            # That of TLS would forget how to read what comes.
            socket.socket.shutdown(connection, socket.SHUT_WR)
            with connection.makefile("rb") as stream:
                found[sent] = tuple(map(checked, read_answers(stream)))
    assert found == server.expected(group)


@rows(SMUGGLING)
def test_a_request_within_another_is_not_served(
    group: Group, server: Server, served: Gunicorn
) -> None:
    expected, before = server.expected(group), times_smuggled(served)
    assert {sent: exchange(server, sent, len(expected[sent])) for sent in expected} == expected
    assert times_smuggled(served) == before


def test_a_request_that_others_hide_would_be_served(served: Gunicorn) -> None:
    before = times_smuggled(served)
    assert exchange(Server(served), SMUGGLED, 1) == (201,)
    assert times_smuggled(served) == before + 1


def test_clients_that_do_not_hang_up_delay_nobody(server: Server) -> None:
    with ExitStack() as idle:
        for _ in range(10):
            # None is answered so late that gunicorn could have waited for another to hang up.
            connection = idle.enter_context(server.connect(1.9))
            connection.sendall(b"nonsense\r\n\r\n")
            assert connection.recv(12) == b"HTTP/1.1 400"


def times_smuggled(served: Gunicorn) -> int:
    return served.log.read_text().count('"smuggled"')


def exchange(server: Server, sent: bytes, count: int) -> tuple[int, ...]:
    """Send bytes as they are, wait for `count` answers, then ask once more on the connection.

    What follows is the end, or what was asked for: return all other answers.
    """
    with server.connect() as connection, connection.makefile("rb") as stream:
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
    """Return an answer's status; all else must be as clients expect it of any answer."""
    if answer.status in {100, HEADLESS}:
        return answer.status
    if answer.status >= 400:
        assert answer.error["code"] == code_of(answer.status)
        assert ("details" in answer.error) == (answer.status == 400)
        assert ("Allow" in answer.headers) == (answer.status == 405)
        assert re.fullmatch("[0-9a-f-]{32,36}", answer.headers["X-Request-ID"])
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    return answer.status
