"""Waiting for what is about to be true."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(condition: Callable[[], T], what: str, seconds: float = 20) -> T:
    """Ask until the answer is truthy and return it; fail when it is not within the time."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"it is not true that {what}"
        time.sleep(0.02)
    return answer
