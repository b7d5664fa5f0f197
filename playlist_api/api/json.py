"""How answers are written."""

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import orjson

OPTIONS = orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE


WRITTEN_AT_ONCE = 500
"""Entries of a list that are sent together: some 100 KB."""


def to_json(answer: Any) -> bytes:
    """Write an answer as JSON in UTF-8: times in UTC, ending in `Z`."""
    try:
        return orjson.dumps(answer, option=OPTIONS)
    except orjson.JSONEncodeError:
        # The number of a page, which is empty then, may be beyond 64 bits.
        return json.dumps(answer).encode() + b"\n"


def with_list(head: dict[str, Any], name: str, entries: Iterable[Any]) -> Iterator[bytes]:
    """Write an object whose last member is a list, which is read while it is written."""
    beginning = to_json(head).rstrip()[:-1] + (b"," if head else b"")
    yield beginning + to_json(name).rstrip() + b":["
    remaining, separator = iter(entries), b"\n"
    while written := [to_json(entry).rstrip() for entry in islice(remaining, WRITTEN_AT_ONCE)]:
        yield separator + b",\n".join(written)
        separator = b",\n"
    yield b"]}\n"
