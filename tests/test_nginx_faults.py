"""Slow clients, dead workers and long answers, with nginx in between."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from threading import Event

import pytest

from tests.support.nginx import Nginx, nginx
from tests.support.upstream import Handler, Upstream, behind_nginx, hang_up, ok

HEAD = b"POST /auth/login HTTP/1.1\r\nHost: localhost\r\nX-Request-ID: half\r\n"
BODY = b"Content-Length: 100\r\n\r\n{"
WHOLE = 64 * 1024 * 1024
"""Bytes of an answer that is far longer than what nginx may keep."""


@pytest.fixture(scope="module")
def started() -> Iterator[tuple[Upstream, Nginx]]:
    with behind_nginx() as both:
        yield both


@pytest.fixture
def front(started: tuple[Upstream, Nginx]) -> Nginx:
    return started[1]


@pytest.fixture
def stub(started: tuple[Upstream, Nginx]) -> Upstream:
    """What is behind nginx: a server that answers 200, and has heard nothing yet."""
    stub, _ = started
    stub.reply, stub.connections = ok, 0
    stub.heard.clear()
    return stub


def asked(front: Nginx, method: str = "GET") -> int:
    return front.send(method, "/", None, {}).status


def test_slow_clients_wait_at_nginx_and_are_given_up() -> None:
    with behind_nginx() as (stub, front), ExitStack() as held:
        connections = [held.enter_context(front.open(timeout=30)) for _ in range(100)]
        for number, connection in enumerate(connections):
            connection.sendall(HEAD + BODY if number % 2 else HEAD)
        assert asked(front) == 200
        assert ([heard.method for heard in stub.heard], stub.connections) == (["GET"], 1)
        for connection in connections:
            with suppress(ConnectionResetError):
                assert connection.recv(1) == b""
        assert len(stub.heard) == 1


def test_connections_to_gunicorn_are_kept() -> None:
    with behind_nginx() as (stub, front), closing(front.connect()) as client:
        for _ in range(20):
            client.request("GET", "/")
            client.getresponse().read()
        assert (len(stub.heard), stub.connections) == (20, 1)


@pytest.mark.parametrize(
    ("method", "times"),
    [("GET", 2), ("HEAD", 2), ("OPTIONS", 2), ("PUT", 2), ("DELETE", 2), ("POST", 1), ("PATCH", 1)],
)
def test_only_what_may_be_repeated_is_repeated_once_when_a_worker_dies(
    front: Nginx, stub: Upstream, method: str, times: int
) -> None:
    stub.reply = hang_up
    assert (asked(front, method), len(stub.heard)) == (502, times)
    stub.reply = ok
    assert asked(front, method) == 200  # it is asked again at once


def test_a_dead_worker_costs_no_read_even_where_there_is_one_gunicorn(
    front: Nginx, stub: Upstream
) -> None:
    stub.reply = lambda handler: (hang_up if len(stub.heard) == 1 else ok)(handler)
    assert (asked(front), len(stub.heard)) == (200, 2)


def test_what_reached_nobody_goes_to_another(stub: Upstream) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        with nginx(nobody.getsockname()[1], stub.server_port) as front:
            assert [asked(front, method) for method in ["GET", "POST"] * 4] == [200] * 8
    assert len(stub.heard) == 8


def stream(sent: list[int], ended: Event) -> Callable[[Handler], None]:
    """Reply with a long answer, and tell how much of it is sent."""

    def reply(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(WHOLE))
        handler.end_headers()
        with suppress(OSError):
            for _ in range(WHOLE // 65536):
                handler.wfile.write(bytes(65536))
                sent.append(65536)
        ended.set()

    return reply


def test_a_long_answer_comes_as_a_whole(front: Nginx, stub: Upstream) -> None:
    stub.reply = stream([], Event())
    assert len(front.send("GET", "/", None, {}).body) == WHOLE


def test_a_client_that_does_not_read_is_given_up_and_fills_no_disk(
    front: Nginx, stub: Upstream
) -> None:
    sent: list[int] = []
    ended = Event()
    stub.reply = stream(sent, ended)
    with front.open() as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert ended.wait(30)
    # What nginx may keep, and what is on the way in both connections.
    assert sum(sent) < WHOLE / 2
