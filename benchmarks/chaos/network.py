"""Faults between the service and PostgreSQL, and between clients and nginx."""

import socket
import time
from contextlib import ExitStack

from benchmarks.chaos.clients import Load
from benchmarks.chaos.fault import Fault
from benchmarks.chaos.system import Scene, System

HALF_OPEN = 500
HEAD = b"POST /auth/login HTTP/1.1\r\nHost: localhost\r\n"
BODY = b"Content-Length: 100\r\n\r\n{"
EACH = 50
"""Half-open clients of one address, fewer than nginx lets it have."""


def cut(system: System, _load: Load, seconds: float) -> None:
    """Let nothing through, without a word."""
    assert system.relay  # noqa: S101
    with system.relay.silent():
        time.sleep(seconds)


def slowed(system: System, _load: Load, seconds: float) -> None:
    """Have everything take 200 ms more, there and back."""
    assert system.relay  # noqa: S101
    with system.relay.slow(0.2):
        time.sleep(seconds)


def reset(system: System, _load: Load, seconds: float) -> None:
    """Reset all connections, and new ones."""
    assert system.relay  # noqa: S101
    with system.relay.resetting():
        time.sleep(seconds)


def half_open(system: System, _load: Load, seconds: float) -> None:
    """Have clients that send half a request, and no more."""
    with ExitStack() as held:
        for number in range(HALF_OPEN):
            source = (f"127.0.1.{1 + number // EACH}", 0)
            where = ("127.0.0.1", system.front.port)
            plain = socket.create_connection(where, 30, source_address=source)
            held.callback(plain.close)
            client = system.front.trust.wrap_socket(plain, server_hostname="localhost")
            held.enter_context(client)
            client.sendall(HEAD + BODY if number % 2 else HEAD)
        time.sleep(seconds)


NETWORK = Scene(network=True)

FAULTS = {
    "network silent": Fault(cut, 12, scene=NETWORK),
    "network slow": Fault(slowed, 8, scene=NETWORK),
    "network reset": Fault(reset, 6, scene=NETWORK),
    "500 half-open clients": Fault(half_open, 5, flawless=True),
}
