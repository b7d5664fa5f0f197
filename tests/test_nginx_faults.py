"""Slow clients, dead workers and long answers, with nginx in between."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from threading import Event

import pytest

from tests.nginx import Nginx, nginx
from tests.service import Gunicorn, call
from tests.upstream import Handler, hang_up, ok, upstream

HEAD = b"POST /auth/login HTTP/1.1\r\nHost: localhost\r\nX-Request-ID: half\r\n"
BODY = b"Content-Length: 100\r\n\r\n{"
WHOLE = 64 * 1024 * 1024
"""Bytes of an answer that is far longer than what nginx may keep."""


@contextmanager
def half_sent(front: Nginx, count: int) -> Iterator[list[socket.socket]]:
    """Hold so many requests open of which the half has come: half of their heads, or bodies."""
    with ExitStack() as held:
        connections: list[socket.socket] = []
        for number in range(count):
            connections.append(held.enter_context(front.open(timeout=30)))
            connections[-1].sendall(HEAD + BODY if number % 2 else HEAD)
        yield connections


def test_slow_clients_keep_nobody_waiting(served: Gunicorn) -> None:
    with nginx(served.port) as front, half_sent(front, 200):
        for _ in range(3):
            assert call(front, "GET", "/health").status == 200
    assert not [line for line in served.lines() if line.get("reqId") == "half"]


def test_slow_clients_do_not_reach_gunicorn() -> None:
    with upstream() as stub, nginx(stub.server_port) as front, half_sent(front, 200):
        assert front.send("GET", "/", None, {}).status == 200
        assert ([heard.method for heard in stub.heard], stub.connections) == (["GET"], 1)


def test_slow_clients_are_given_up() -> None:
    with upstream() as stub, nginx(stub.server_port) as front, half_sent(front, 4) as connections:
        for connection in connections:
            with suppress(ConnectionResetError):
                assert connection.recv(1) == b""
        assert stub.connections == 0


def test_connections_to_gunicorn_are_kept() -> None:
    with upstream() as stub, nginx(stub.server_port) as front, closing(front.connect()) as client:
        for _ in range(20):
            client.request("GET", "/")
            client.getresponse().read()
        assert (len(stub.heard), stub.connections) == (20, 1)


@pytest.mark.parametrize(
    ("method", "times"),
    [("GET", 2), ("HEAD", 2), ("OPTIONS", 2), ("PUT", 2), ("DELETE", 2), ("POST", 1), ("PATCH", 1)],
)
def test_only_what_may_be_repeated_is_repeated_and_once(method: str, times: int) -> None:
    with upstream(hang_up) as one, upstream(hang_up) as other:
        with nginx(one.server_port, other.server_port) as front:
            assert front.send(method, "/", None, {}).status == 502
        assert len(one.heard + other.heard) == times


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_reached_nobody_goes_to_another(method: str) -> None:
    with upstream() as stub, socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        with nginx(nobody.getsockname()[1], stub.server_port) as front:
            answers = [front.send(method, "/", None, {}).status for _ in range(8)]
        assert (answers, len(stub.heard)) == ([200] * 8, 8)


def test_a_dead_worker_costs_no_read_even_where_there_is_one_gunicorn() -> None:
    def die_first(handler: Handler) -> None:
        reply = hang_up if len(stub.heard) == 1 else ok
        reply(handler)

    with upstream(die_first) as stub, nginx(stub.server_port) as front:
        assert front.send("GET", "/", None, {}).status == 200
        assert len(stub.heard) == 2


def test_a_gunicorn_that_fails_is_asked_again_at_once() -> None:
    with upstream(hang_up) as stub, nginx(stub.server_port) as front:
        assert front.send("GET", "/", None, {}).status == 502
        stub.reply = ok
        assert front.send("GET", "/", None, {}).status == 200


def stream(sent: list[int]) -> Callable[[Handler], None]:
    """Reply with a long answer, and tell how much of it is sent."""

    def reply(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(WHOLE))
        handler.end_headers()
        for _ in range(WHOLE // 65536):
            handler.wfile.write(bytes(65536))
            sent.append(65536)

    return reply


def test_a_long_answer_comes_as_a_whole() -> None:
    with upstream(stream([])) as stub, nginx(stub.server_port) as front:
        assert len(front.send("GET", "/", None, {}).body) == WHOLE


def test_who_does_not_read_is_given_up_and_fills_no_disk() -> None:
    sent: list[int] = []
    ended = Event()

    def reply(handler: Handler) -> None:
        with suppress(OSError):
            stream(sent)(handler)
        ended.set()

    with upstream(reply) as stub, nginx(stub.server_port) as front, front.open() as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert ended.wait(30)
    # What nginx may keep, and what is on the way in both connections.
    assert sum(sent) < WHOLE / 2
