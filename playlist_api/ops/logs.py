"""The log: JSON with Pino's fields, or text for a terminal."""

import json
import logging
import os
from collections.abc import Callable
from datetime import datetime
from traceback import format_exception
from typing import Any

import orjson
from flask import has_request_context, request

PINO_LEVELS = {10: 20, 20: 30, 30: 40, 40: 50, 50: 60}
"""By Python's levels: https://getpino.io/#/docs/api?id=logger-level"""

SHOWN_ID = 8
"""Characters of an id in the text format."""


def json_line(level: int, time: float, name: str, message: str, fields: dict[str, Any]) -> str:
    """Return a line of JSON; the level is one of Python's, the time in seconds since 1970."""
    line = {
        "level": PINO_LEVELS.get(level, level),
        "time": int(time * 1000),
        "pid": os.getpid(),
        "name": name,
        "msg": message,
        **fields,
    }
    try:
        return orjson.dumps(line, default=str).decode()
    except orjson.JSONEncodeError:
        # An exception can quote text that is not valid Unicode.
        return json.dumps(line, default=str)


def text_line(level: int, time: float, name: str, message: str, fields: dict[str, Any]) -> str:
    """Return the same as text, with further lines for a traceback."""
    told = {key: value for key, value in fields.items() if value is not None}
    for key in ("reqId", "userId"):
        if key in told:
            told[key] = str(told[key])[:SHOWN_ID]
    stack = told.pop("err", {}).get("stack", "")
    if "url" in told:
        name, message = told.pop("method"), f"{told.pop('url')} {told.pop('statusCode')}"
        message += f" {told.pop('responseTime')} ms"
        told.pop("remoteAddress", None)
    noted = "".join(f" {key}={value}" for key, value in told.items())
    clock = datetime.fromtimestamp(time).astimezone().strftime("%H:%M:%S")
    lines = [f"{clock} {logging.getLevelName(level):<7} {name} {message}{noted}"]
    return "\n".join(map(_printable, [*lines, *stack.splitlines()]))


def _printable(text: str) -> str:
    # Input of a client must not control the reader's terminal.
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


LINES: dict[str, Callable[[int, float, str, str, dict[str, Any]], str]] = {
    "json": json_line,
    "text": text_line,
}
"""Makes a line, by the setting `LOG_FORMAT`."""


class Formatter(logging.Formatter):
    """Formats a record as a line; `extra={"fields": …}` adds fields."""

    def __init__(self, log_format: str = "json") -> None:
        """Take a value of `LOG_FORMAT`; the application refuses others when it starts."""
        super().__init__()
        self._line = LINES.get(log_format, json_line)

    def format(self, record: logging.LogRecord) -> str:
        fields = dict(getattr(record, "fields", {}))
        if has_request_context():
            fields.setdefault("reqId", request.headers.get("X-Request-ID"))
        if record.exc_info and record.exc_info[1]:
            fields["err"] = _described(record.exc_info[1])
        return self._line(record.levelno, record.created, record.name, record.getMessage(), fields)


def _described(error: BaseException) -> dict[str, str]:
    stack = "".join(format_exception(error))
    return {"type": type(error).__name__, "message": str(error), "stack": stack}


def quotes_no_request(record: logging.LogRecord) -> bool:
    """Drop gunicorn's lines that quote an invalid request, which may hold secrets."""
    return not str(record.msg).startswith("Invalid request")


def logging_config(log_format: str) -> dict[str, Any]:
    """Return the server's configuration for `logging.config.dictConfig`."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": Formatter, "log_format": log_format}},
        "filters": {"unquoted": {"()": lambda: quotes_no_request}},
        "handlers": {
            "stdout": {
                "class": "logging.StreamHandler",
                "formatter": "line",
                "stream": "ext://sys.stdout",
            }
        },
        "root": {"level": "INFO", "handlers": ["stdout"]},
        "loggers": {
            "gunicorn.error": {"propagate": True, "filters": ["unquoted"]},
            "alembic": {"level": "WARNING"},  # it is only imported here
        },
    }
