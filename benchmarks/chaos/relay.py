"""A network between the service and PostgreSQL that can be cut, and slowed."""

import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Event, Thread

RESET = struct.pack("ii", 1, 0)
"""SO_LINGER, so that closing is a reset."""


class Relay(ThreadingTCPServer):
    """Passes on what is sent between a port of this machine and a socket of Unix."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Relaying)
        self.target = target
        self.port: int = self.server_address[1]
        self.delay = 0.0
        self.refusing = False
        self.passing = Event()
        self.passing.set()
        self.open: set[socket.socket] = set()

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Pass nothing on; what is sent meanwhile comes late, as TCP would send it again."""
        self.passing.clear()
        try:
            yield
        finally:
            self.passing.set()

    @contextmanager
    def slow(self, seconds: float) -> Iterator[None]:
        """Pass everything on later, both ways."""
        self.delay = seconds
        try:
            yield
        finally:
            self.delay = 0.0

    @contextmanager
    def resetting(self) -> Iterator[None]:
        """Reset what is connected and whoever connects."""
        self.refusing = True
        try:
            for client in list(self.open):
                with suppress(OSError):
                    client.shutdown(socket.SHUT_RDWR)
            yield
        finally:
            self.refusing = False

    def handle_error(self, *_: object) -> None:
        """Say nothing: connections are meant to fail."""


class _Relaying(BaseRequestHandler):
    server: Relay
    request: socket.socket

    def handle(self) -> None:
        relay = self.server
        if relay.refusing:
            self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            return
        relay.passing.wait()
        with socket.socket(socket.AF_UNIX) as target, suppress(OSError):
            relay.open.add(self.request)
            self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            target.connect(relay.target)
            back = Thread(target=self._pass_on, args=(target, self.request), daemon=True)
            back.start()
            self._pass_on(self.request, target)
            back.join()
        relay.open.discard(self.request)
        if relay.refusing:
            self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)

    def finish(self) -> None:
        self.request.close()  # the server would say a polite good-bye first

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while content := source.recv(65536):
                if self.server.delay:
                    time.sleep(self.server.delay)
                self.server.passing.wait()
                sink.sendall(content)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)


@contextmanager
def relay(target: str) -> Iterator[Relay]:
    """Relay until the context is left."""
    with Relay(target) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.passing.set()
            server.shutdown()
            thread.join()
