"""Slow clients, dead workers, long answers and replicas that come and go, with nginx in between."""

import socket
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from shutil import copyfile
from threading import Event, Thread

import pytest

from tests.nginx import Nginx, nginx, replace
from tests.upstream import Handler, Upstream, behind_nginx, hang_up, ok, upstream
from tests.waiting import eventually

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


@contextmanager
def name_server(addresses: list[str]) -> Iterator[int]:
    """Tell these addresses for any name, as Docker does for a service's (RFC 1035, section 4)."""

    def serve() -> None:
        while True:
            question, client = server.recvfrom(512)
            if not question:
                return
            records = [
                b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 1, 4) + socket.inet_aton(address)
                for address in addresses
            ]
            head = question[:2] + struct.pack("!HHHHH", 0x8180, 1, len(records), 0, 0)
            server.sendto(head + question[12:] + b"".join(records), client)

    with socket.socket(type=socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        thread = Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.sendto(b"", server.getsockname())
            thread.join()


@pytest.mark.skipif(sys.platform != "linux", reason="127.0.0.2 is an address of Linux only")
def test_replicas_are_found_and_forgotten_by_docker_s_names_and_dead_ones_cost_no_request() -> None:
    addresses = ["127.0.0.1", "127.0.0.2", "127.0.0.3"]  # nobody is at the last

    def prepare(folder: Path) -> None:
        file = folder / "nginx" / "upstream.conf"
        copyfile(file.with_name("upstream-docker.conf"), file)
        replace(file, "127.0.0.11", f"127.0.0.1:{names}")
        replace(file, "api:3001", *[f"api:{one.server_port}"] * 2)

    def is_forgotten() -> bool:
        before = len(one.heard)
        return {asked(front) for _ in range(8)} == {200} and len(one.heard) == before

    with (
        upstream() as one,
        upstream(host="127.0.0.2", port=one.server_port) as other,
        name_server(addresses) as names,
        nginx(0, prepare=prepare) as front,
    ):
        eventually(lambda: asked(front) == 200, "they are found")
        assert {asked(front) for _ in range(32)} == {200}
        assert one.heard
        assert other.heard
        addresses[:] = ["127.0.0.2"]
        eventually(is_forgotten, "one is forgotten")
