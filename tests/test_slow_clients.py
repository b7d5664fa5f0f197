"""Clients that send or read slowly, or not at all, with no nginx in front."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from statistics import median

import pytest

from dev.processes import eventually
from tests.support.service import (
    Actor,
    Gunicorn,
    Service,
    call,
    environment,
    gunicorn,
    log_in,
    sign_up,
)
from tests.support.slow_clients import HALVES, HEAD, half_sent


@pytest.fixture(scope="module")
def service(served: Gunicorn) -> Service:
    return served


@pytest.fixture(scope="module")
def small(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gunicorn]:
    """A service behind a proxy, of one worker with 200 connections."""
    settings = {"TRUSTED_PROXIES": "1", "WEB_CONCURRENCY": "1"}
    settings["GUNICORN_CMD_ARGS"] = "--worker-connections=200"
    log = tmp_path_factory.mktemp("small") / "log"
    with gunicorn(log, environment(database_url, **settings)) as served:
        yield served


@contextmanager
def connected(port: int, count: int, sent: bytes) -> Iterator[list[socket.socket]]:
    """Hold so many connections on which this was sent, with little room for answers."""
    with ExitStack() as held:
        connections = [held.enter_context(socket.socket()) for _ in range(count)]
        for connection in connections:
            connection.settimeout(30)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect(("127.0.0.1", port))
            connection.sendall(sent)
        yield connections


def received(connection: socket.socket) -> bytes:
    """Read until the connection ends."""
    return b"".join(iter(lambda: connection.recv(65536), b""))


def log_in_of(length: int, address: str = "192.0.2.1") -> bytes:
    """The head of a login that has such a body."""
    return HEAD + f"X-Forwarded-For: {address}\r\nContent-Length: {length}\r\n\r\n".encode()


def assert_others_are_served(actor: Actor) -> None:
    """Ask for what needs no body, a session, and a body that comes in a packet of its own."""
    times = []
    for _ in range(20):
        started = time.monotonic()
        assert call(actor.service, "GET", "/health/live").status == 200
        times.append(time.monotonic() - started)
    assert median(times) < 1
    assert actor.get("/movies").status == 200
    log_in(actor)


def test_half_sent_requests_keep_nobody_waiting(small: Gunicorn) -> None:
    ada = sign_up(small)
    with half_sent(small.port, 250):
        assert_others_are_served(ada)


@pytest.mark.parametrize("chunk", [b"1\r\na\r\n", b"1;" + b"a;" * 400 + b"\r\na\r\n"])
def test_a_body_in_very_many_parts_is_refused(served: Gunicorn, chunk: bytes) -> None:
    head = b"POST /auth/login HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    with connected(served.port, 1, head) as (connection,):
        with suppress(OSError):
            connection.sendall(chunk * 30_000)
        assert received(connection).startswith(b"HTTP/1.1 400 ")


NEEDLESS = {"POST /nothing": 404, "POST /health": 405, "GET /health": 200}
NEEDLESS |= {"GET /health/live": 200, "POST /movies": 401, "POST /auth/logout": 204}


@pytest.mark.parametrize(("line", "status"), NEEDLESS.items())
@pytest.mark.parametrize("framing", ["Content-Length: 1000", "Transfer-Encoding: chunked"])
def test_a_call_that_needs_no_body_does_not_wait_for_one(
    served: Gunicorn, line: str, status: int, framing: str
) -> None:
    head = f"{line} HTTP/1.1\r\nHost: localhost\r\n{framing}\r\n\r\n"
    with connected(served.port, 1, head.encode()) as (connection,):
        # Sooner than a body would have been given up.
        connection.settimeout(8)
        answer = received(connection)
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"\r\nConnection: close\r\n" in answer


IMPORT = (
    "POST /movies/import?dryRun=true HTTP/1.1\r\nHost: localhost\r\n"
    "Authorization: Bearer {token}\r\nContent-Length: {length}\r\n\r\n"
)


def test_time_is_for_the_whole_of_a_request_but_a_slow_line_will_do(
    served: Gunicorn, ada: Actor
) -> None:
    body = (b"title\nHeat\n" + (b" " * 9_999 + b"\n") * 33)[: 5 * 65536]
    head = IMPORT.format(token=ada.token, length=len(body)).encode()
    with (
        connected(served.port, 1, head) as (steady,),
        connected(served.port, 1, HEAD) as (with_half_a_head,),
        connected(served.port, 1, HALVES["half a body"]) as (with_half_a_body,),
        connected(served.port, 1, b"") as (idle,),
    ):
        for part in range(30):
            if part % 6 == 0:
                steady.sendall(body[:65536])
                body = body[65536:]
            for connection in (with_half_a_head, with_half_a_body):
                with suppress(OSError):
                    connection.sendall(b" ")
            time.sleep(0.5)
        assert received(idle) == received(with_half_a_head) == b""
        refused = received(with_half_a_body)
        answer = steady.recv(65536)
    assert refused.startswith(b"HTTP/1.1 408 ")
    assert json.loads(refused.partition(b"\r\n\r\n")[2])["error"]["code"] == "REQUEST_TIMEOUT"
    assert answer.startswith(b"HTTP/1.1 200 ")


def test_one_address_cannot_crowd_out_another(small: Gunicorn) -> None:
    body = b'{"email": "nobody@example.com", "password": "secret"}'
    head = log_in_of(len(body), address="198.51.100.4")
    with (
        connected(small.port, 1, head + body[:9]) as (honest,),
        connected(small.port, 100, log_in_of(1000)) as crowd,
    ):
        for connection in crowd:
            connection.setblocking(False)
        eventually(lambda: count_answered(crowd) >= 30, "those are refused who are too many")
        honest.sendall(body[9:])
        assert honest.recv(65536).startswith(b"HTTP/1.1 401 ")


def count_answered(connections: list[socket.socket]) -> int:
    """Tell how many are answered; each must be told to come back."""
    count = 0
    for connection in connections:
        with suppress(BlockingIOError):
            answer = connection.recv(65536, socket.MSG_PEEK)
            assert answer.startswith(b"HTTP/1.1 429 ")
            assert b"\r\nRetry-After: " in answer
            count += 1
    return count


def test_a_client_that_sends_a_body_after_its_head_finds_a_place_in_a_crowd(
    small: Gunicorn,
) -> None:
    with connected(small.port, 200, log_in_of(1000)):
        log_in(sign_up(small))


def test_idle_connections_make_room_for_others(small: Gunicorn) -> None:
    live = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    with (
        connected(small.port, 300, b""),
        connected(small.port, 50, HEAD),
        connected(small.port, 1, live) as (connection,),
    ):
        # Sooner than the others would have gone by themselves.
        connection.settimeout(5)
        assert received(connection).startswith(b"HTTP/1.1 200 ")


def test_a_client_that_reads_no_answer_keeps_nobody_waiting(small: Gunicorn) -> None:
    ada, many = sign_up(small), b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 100
    with connected(small.port, 200, many):
        assert_others_are_served(ada)


def test_half_sent_requests_do_not_keep_a_server_from_stopping(
    database_url: str, tmp_path: Path
) -> None:
    with (
        gunicorn(tmp_path / "log", environment(database_url, WEB_CONCURRENCY="1")) as served,
        half_sent(served.port, 40),
    ):
        served.process.terminate()
        # Less than the 30 s after which it would stop anyway.
        assert served.process.wait(timeout=25) == 0
