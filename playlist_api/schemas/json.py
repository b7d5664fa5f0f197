"""How answers are written."""

import json
from typing import Any

import orjson

OPTIONS = orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE


def to_json(answer: Any) -> bytes:
    """Write an answer as JSON in UTF-8: times in UTC, ending in `Z`."""
    try:
        return orjson.dumps(answer, option=OPTIONS)
    except orjson.JSONEncodeError:
        # The number of a page, which is empty then, may be beyond 64 bits.
        return json.dumps(answer).encode() + b"\n"
