"""Clients that send one request after the other, each as soon as the one before is answered.

They are one thread of this process, and take 20 to 30 µs of it for a request, as wrk does. Unlike
wrk they wait for all that they have sent: what the servers used belongs to what was counted.
"""

import json
import re
import select
import socket
import ssl
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import cycle, islice
from statistics import quantiles
from urllib.parse import urlsplit

CLIENTS = 16
"""Connections, kept alive: some for each of two cores, as a proxy would keep."""

PATIENCE = 10.0
"""Seconds until a request without an answer counts as failed."""

HEAD = re.compile(rb"HTTP/1.1 (\d+).*?\r\n\r\n", re.S)
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.I)
CLOSING = re.compile(rb"\r\nconnection: *close", re.I)


@dataclass
class Load:
    """What came of requests, and how long it took."""

    seconds: float = 0
    milliseconds: list[float] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)

    @property
    def requests(self) -> int:
        return self.outcomes.total()

    @property
    def failures(self) -> Counter[str]:
        """Every outcome but success: a status, or words."""
        return Counter({name: n for name, n in self.outcomes.items() if name[0] not in "23"})

    def percentile(self, percent: int) -> float:
        """Return the milliseconds within which so many percent of the requests came to an end."""
        return quantiles(self.milliseconds, n=100, method="inclusive")[percent - 1]


def request(method: str, path: str, token: str = "", body: object = None) -> bytes:
    """Make the bytes of a request, with `body` as JSON."""
    content = b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost"]
    lines += [f"Authorization: Bearer {token}"] * bool(token)
    if content:
        lines += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
    return "\r\n".join([*lines, "", ""]).encode() + content


def lasting(seconds: float, requests: Iterable[bytes]) -> Iterator[bytes]:
    """Repeat the requests until the time is over."""
    end = time.perf_counter() + seconds
    for content in cycle(requests):
        if time.perf_counter() > end:
            return
        yield content


def send(
    url: str,
    requests: Iterator[bytes],
    *,
    tls: ssl.SSLContext | None = None,
    heard: Callable[[bytes], object] = len,
) -> Load:
    """Send all requests, let each answer be `heard`, and return when the last has come."""
    load, poll, started = Load(), select.poll(), time.perf_counter()
    waiting: dict[int, Client] = {}

    def begin(client: Client, content: bytes) -> None:
        client.send(content)
        waiting[client.fileno()] = client
        poll.register(client, select.POLLIN)

    for content in islice(requests, CLIENTS):
        begin(Client(url, tls), content)
    while waiting:
        ready = poll.poll(PATIENCE * 1000)
        if not ready:
            load.outcomes["no answer"] += len(waiting)
            break
        for number, _ in ready:
            client = waiting[number]
            if not (outcome := client.receive()):
                continue
            load.outcomes[outcome] += 1
            load.milliseconds.append((time.perf_counter() - client.sent) * 1000)
            heard(client.answer)
            content = next(requests, b"")
            if client.closing or not content:
                poll.unregister(number)
                waiting.pop(number).close()
            if content:
                begin(Client(url, tls) if client.closing else client, content)
    for client in waiting.values():
        client.close()
    load.seconds = time.perf_counter() - started
    return load


class Client:
    """A connection, for one request at a time."""

    def __init__(self, url: str, tls: ssl.SSLContext | None) -> None:
        server = urlsplit(url)
        self._socket = socket.create_connection((server.hostname, server.port), PATIENCE)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self._socket = tls.wrap_socket(self._socket, server_hostname="localhost")
        self.sent, self.answer, self.closing = 0.0, b"", False
        self.fileno, self.close = self._socket.fileno, self._socket.close

    def send(self, content: bytes) -> None:
        """Send a request; if the connection was lost, that is found when an answer is awaited."""
        self.sent, self.answer = time.perf_counter(), b""
        with suppress(OSError):
            self._socket.sendall(content)

    def receive(self) -> str:
        """Read what has come: return the status when the answer is whole, nothing before."""
        part = b""
        with suppress(OSError):
            part = self._socket.recv(65536)
        if not part:
            self.closing = True
            return "connection lost"
        self.answer += part
        if not (head := HEAD.match(self.answer)):
            return ""
        length = LENGTH.search(head[0])
        if len(self.answer) < head.end() + int(length[1] if length else 0):
            return ""
        self.closing = CLOSING.search(head[0]) is not None
        return head[1].decode()
