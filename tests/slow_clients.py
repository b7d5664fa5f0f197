"""Clients that send a part of a request, and for the rest a byte a second or nothing."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import cycle
from threading import Event, Thread

LINE = b"POST /auth/login HTTP/1.1\r\n"
HEAD = LINE + b"Host: localhost\r\nContent-Type: application/json\r\n"
LENGTH = b"Content-Length: 1000\r\n\r\n"
HALVES = {
    "nothing": b"",
    "half a line": LINE[:9],
    "half a head": HEAD,
    "no body": HEAD + LENGTH,
    "half a body": HEAD + LENGTH + b'{"email": ',
    "half a chunk": HEAD + b'Transfer-Encoding: chunked\r\n\r\n10\r\n{"email": ',
    "half a body for nobody": b"POST /nothing HTTP/1.1\r\nHost: localhost\r\n" + LENGTH + b"{",
    "half a body of a GET": b"GET /health HTTP/1.1\r\nHost: localhost\r\n" + LENGTH + b"{",
}


class HalfSent:
    """A connection with a part of a request on it, and a new one whenever that is closed."""

    def __init__(self, port: int, sent: bytes, *, drips: bool) -> None:
        self._port, self._sent, self._drips = port, sent, drips
        self._open()

    def go_on(self) -> None:
        """Send a byte, if it is one of those that do, and see whether the connection is open."""
        try:
            if self._drips:
                self._socket.send(b" ")
            while self._socket.recv(65536):
                pass
        except BlockingIOError:
            return
        except OSError:
            pass
        self.close()
        self._open()

    def close(self) -> None:
        self._socket.close()

    def _open(self) -> None:
        self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=30)
        self._socket.sendall(self._sent)
        self._socket.setblocking(False)


@contextmanager
def half_sent(port: int, count: int) -> Iterator[None]:
    """Hold so many requests open of all kinds, of which half get a byte a second."""
    ended = Event()
    kinds = list(HALVES.values())
    held: list[HalfSent] = []

    def go_on() -> None:
        for each in cycle(held):
            if ended.wait(1 / count):
                return
            with suppress(OSError):
                each.go_on()

    thread = Thread(target=go_on)
    try:
        for number in range(count):
            kind = kinds[number % len(kinds)]
            held.append(HalfSent(port, kind, drips=number // len(kinds) % 2 == 0))
        thread.start()
        yield
    finally:
        ended.set()
        if thread.is_alive():
            thread.join()
        for each in held:
            each.close()
