"""The least that gunicorn can serve: what machines are compared by."""

from collections.abc import Callable
from typing import Any


def app(_: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    """Answer anything."""
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
    return [b"hello"]
