"""What each view takes, answers and refuses, noted by the decorators that see to it.

The OpenAPI document is made of these notes, so that it says what the code does. An operation is
OpenAPI's word for a call.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from marshmallow import Schema

ACCESS_TOKEN, REFRESH_TOKEN = "accessToken", "refreshToken"
"""The security schemes: how a caller proves who they are."""


@dataclass
class ResponseSpec:
    """What comes back when all went well: its body, if it has one, and the headers it may have."""

    schema: Schema | None
    headers: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    """The types of text that it can be, besides JSON."""


@dataclass
class Operation:
    """What is known of a view; headers are named as in `openapi.components`."""

    body: Schema | None = None
    upload: Schema | None = None
    query: Schema | None = None
    headers: list[str] = field(default_factory=list)
    security: list[str] = field(default_factory=list)
    anonymous: bool = True
    answers: dict[int, ResponseSpec] = field(default_factory=dict)
    # 429 is nginx's as well, of too many requests at once.
    failures: set[int] = field(default_factory=lambda: {429, 500})


def operation_of(view: Callable[..., Any]) -> Operation:
    """Return what has been noted of a view, for reading or adding to.

    `functools.wraps` hands it on from one decorator to the next.
    """
    return cast(Operation, view.__dict__.setdefault("operation", Operation()))
