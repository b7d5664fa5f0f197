"""A load generator: some connections, each of which sends its next request when it is answered.

It is one thread that takes 20 to 30 µs of processor time for a request, as wrk does. Unlike wrk it
waits for all responses, so that the processor time of the servers belongs to the requests counted.
"""

import json
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from itertools import cycle, islice
from selectors import EVENT_READ, DefaultSelector
from socket import IPPROTO_TCP, TCP_NODELAY, create_connection
from statistics import quantiles
from urllib.parse import urlsplit

CONNECTIONS = 16

TIMEOUT = 10.0
"""Seconds to wait for any response."""

HEAD = re.compile(rb"HTTP/1.1 (\d+).*?\r\n\r\n", re.S)
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.I)


@dataclass
class Load:
    """What came of requests, and how long they took."""

    seconds: float = 0
    milliseconds: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)

    @property
    def requests(self) -> int:
        return self.statuses.total()

    @property
    def failures(self) -> Counter[str]:
        """Return the statuses but 2xx and 3xx."""
        return Counter({status: n for status, n in self.statuses.items() if status[0] not in "23"})

    def percentile(self, percent: int) -> float:
        """Return the milliseconds within which that share of the requests was answered."""
        return quantiles(self.milliseconds, n=100, method="inclusive")[percent - 1]


def request(method: str, path: str, token: str = "", body: object = None) -> bytes:
    """Return the bytes of a request, with `body` as JSON."""
    content = b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost"]
    lines += [f"Authorization: Bearer {token}"] * bool(token)
    if content:
        lines += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
    return "\r\n".join([*lines, "", ""]).encode() + content


def repeat_for(seconds: float, requests: Iterable[bytes]) -> Iterator[bytes]:
    """Repeat the requests until the time is over."""
    end = time.perf_counter() + seconds
    for content in cycle(requests):
        if time.perf_counter() > end:
            return
        yield content


def send(url: str, requests: Iterator[bytes]) -> Load:
    """Send all requests and return when the last is answered.

    :raises OSError: when a connection is lost or silent.
    """
    load, started = Load(), time.perf_counter()
    with ExitStack() as opened, DefaultSelector() as selector:
        for content in islice(requests, CONNECTIONS):
            connection = opened.enter_context(closing(Connection(url)))
            selector.register(connection, EVENT_READ, connection)
            connection.send(content)
        while selector.get_map():
            ready = selector.select(TIMEOUT)
            if not ready:
                raise TimeoutError(f"{url} does not answer")
            for connection in (key.data for key, _ in ready):
                if not (status := connection.receive()):
                    continue
                load.statuses[status] += 1
                load.milliseconds.append((time.perf_counter() - connection.sent) * 1000)
                if content := next(requests, b""):
                    connection.send(content)
                else:
                    selector.unregister(connection)
    load.seconds = time.perf_counter() - started
    return load


class Connection:
    """A connection, for one request at a time."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._socket = create_connection((address.hostname, address.port), TIMEOUT)
        self._socket.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        self.fileno, self.close = self._socket.fileno, self._socket.close

    def send(self, content: bytes) -> None:
        self.sent, self._received = time.perf_counter(), b""
        self._socket.sendall(content)

    def receive(self) -> str:
        """Read what has come: return the status once the response is complete, "" before."""
        if not (part := self._socket.recv(65536)):
            raise ConnectionError("the server has closed a connection")
        self._received += part
        if not (head := HEAD.match(self._received)):
            return ""
        length = LENGTH.search(head[0])
        complete = head.end() + int(length[1] if length else 0)
        return head[1].decode() if len(self._received) >= complete else ""
