"""Notes of the decorators on each view: its arguments, responses and errors.

The OpenAPI document is made from these notes. "Operation" is OpenAPI's word for a call.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from marshmallow import Schema

T = TypeVar("T")
View = TypeVar("View", bound=Callable[..., Any])

ACCESS_TOKEN, REFRESH_TOKEN = "accessToken", "refreshToken"
"""The names of the security schemes."""


@dataclass
class ResponseSpec:
    """A successful response: the schema of its body, if it has one, and the headers it may have."""

    schema: Schema | None
    headers: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    """Its media types besides JSON."""


@dataclass
class Operation:
    """The notes on a view; headers are keys of `REQUEST_HEADERS` in `api.openapi`."""

    body: Schema | None = None
    upload: Schema | None = None
    query: Schema | None = None
    headers: list[str] = field(default_factory=list)
    security: list[dict[str, list[str]]] = field(default_factory=list)
    """As OpenAPI has it: none means a public call, an empty scheme optional authentication."""
    answers: dict[int, ResponseSpec] = field(default_factory=dict)
    # Every call can get a 429: nginx limits concurrent requests.
    failures: set[int] = field(default_factory=lambda: {429, 500})


def operation_of(view: Callable[..., Any]) -> Operation:
    """Return the notes on a view, for reading or adding to.

    `functools.wraps` passes them from one decorator to the next.
    """
    return cast(Operation, view.__dict__.setdefault("operation", Operation()))
