"""Starting programs on this machine and waiting for them."""

import socket
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(condition: Callable[[], T], what: str, seconds: float = 20) -> T:
    """Call `condition` until its result is truthy and return that result.

    :raises AssertionError: when that takes longer than `seconds`.
    """
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"it is not true that {what}")
        time.sleep(0.02)
    return result


def free_port() -> int:
    """Return a port of this machine that nothing listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
