"""JSON in and out."""

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, NoReturn

import orjson

OPTIONS = orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE

WRITTEN_AT_ONCE = 500
"""Entries of a list in one chunk, about 100 KB."""


def parse_json(text: str, parse_int: type[int] | type[float] = int) -> Any:
    """Parse JSON.

    :raises ValueError: when it is malformed, is nested too deeply or holds a NaN, or an integer
        that `parse_int` refuses.
    """
    try:
        return json.loads(text, parse_int=parse_int, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"there is no {constant}")


def to_json(answer: Any) -> bytes:
    """Write an answer as JSON in UTF-8: times in UTC, ending in `Z`."""
    try:
        return orjson.dumps(answer, option=OPTIONS)
    except orjson.JSONEncodeError:
        # The `page` of a request may exceed 64 bits, which orjson cannot write.
        return json.dumps(answer).encode() + b"\n"


def with_lists(head: dict[str, Any], lists: Mapping[str, Iterable[Any]]) -> Iterator[bytes]:
    """Write an object that ends with lists, and read each list only as fast as it is sent."""
    before = to_json(head).rstrip()[:-1] + (b"," if head else b"")
    for name, entries in lists.items():
        yield before + to_json(name).rstrip() + b":["
        remaining, separator = iter(entries), b"\n"
        while written := [to_json(entry).rstrip() for entry in islice(remaining, WRITTEN_AT_ONCE)]:
            yield separator + b",\n".join(written)
            separator = b",\n"
        before = b"],"
    yield b"]}\n"
