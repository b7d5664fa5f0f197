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


@contextmanager
def half_sent(port: int, count: int) -> Iterator[None]:
    """Hold so many requests open of all kinds, of which half get a byte a second."""
    kinds = cycle(HALVES.values())
    held = [_half_sent(port, next(kinds)) for _ in range(count)]
    ended = Event()

    def go_on() -> None:
        for number in cycle(range(count)):
            if ended.wait(1 / count):
                return
            with suppress(OSError):
                if _is_closed(held[number], drips=number // len(HALVES) % 2 == 0):
                    held[number].close()
                    held[number] = _half_sent(port, next(kinds))

    thread = Thread(target=go_on)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        for connection in held:
            connection.close()


def _half_sent(port: int, sent: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    connection.sendall(sent)
    connection.setblocking(False)
    return connection


def _is_closed(connection: socket.socket, *, drips: bool) -> bool:
    """Send a byte, if it is one of those that do, and see whether the connection is open."""
    try:
        if drips:
            connection.send(b" ")
        while connection.recv(65536):
            pass
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True
