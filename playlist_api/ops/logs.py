"""The log: JSON with Pino's fields, or text for a terminal; and the security events in it."""

import json
import logging
import os
from time import localtime, strftime
from traceback import format_exception
from typing import Any

import orjson
from flask import has_request_context, request

from playlist_api.ops import metrics

PINO_LEVELS = {10: 20, 20: 30, 30: 40, 40: 50, 50: 60}
"""By Python's levels: https://getpino.io/#/docs/api?id=logger-level"""

EVENT = "playlist_api.event"
"""The key of the WSGI environment that holds the event for the request's log line."""

event_log = logging.getLogger("playlist_api.events")


def record_event(event: str, **fields: Any) -> None:
    """Log and count an event that matters to a user's account.

    The first event of a request becomes part of the request's log line. Further ones, and those of
    commands and jobs, get a line of their own. Fields never hold a password, token, cookie or hash.
    The names are listed in docs/security.md and do not change.
    """
    metrics.events.labels(event).inc()
    fields = {"event": event, **fields}
    if has_request_context():
        if request.environ.setdefault(EVENT, fields) is fields:
            return
        fields["reqId"] = request.headers.get("X-Request-ID")
        fields["remoteAddress"] = request.remote_addr
    event_log.info(event, extra={"fields": fields})


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
    shown = {key: value for key, value in fields.items() if value is not None}
    stack = shown.pop("err", {}).get("stack", "")
    if "url" in shown:
        name = shown.pop("method")
        message = "{} {} {} ms".format(*map(shown.pop, ("url", "statusCode", "responseTime")))
        shown.pop("remoteAddress", None)
    further = "".join(f" {key}={value}" for key, value in shown.items())
    clock = strftime("%H:%M:%S", localtime(time))
    lines = [f"{clock} {logging.getLevelName(level):<7} {name} {message}{further}"]
    return "\n".join(map(_printable, [*lines, *stack.splitlines()]))


def _printable(text: str) -> str:
    # Input of a client must not control the reader's terminal.
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


LINES = {"json": json_line, "text": text_line}
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
        if record.exc_info and (error := record.exc_info[1]):
            stack = "".join(format_exception(error))
            fields["err"] = {"type": type(error).__name__, "message": str(error), "stack": stack}
        return self._line(record.levelno, record.created, record.name, record.getMessage(), fields)


def quotes_no_request(record: logging.LogRecord) -> bool:
    """Drop gunicorn's lines that quote an invalid request, which may hold secrets."""
    return not str(record.msg).startswith("Invalid request")


def logging_config(log_format: str) -> dict[str, Any]:
    """Return the server's configuration for `logging.config.dictConfig`."""
    stdout = {"class": "logging.StreamHandler", "formatter": "line", "stream": "ext://sys.stdout"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": Formatter, "log_format": log_format}},
        "filters": {"unquoted": {"()": lambda: quotes_no_request}},
        "handlers": {"stdout": stdout},
        "root": {"level": "INFO", "handlers": ["stdout"]},
        "loggers": {
            "gunicorn.error": {"propagate": True, "filters": ["unquoted"]},
            "alembic": {"level": "WARNING"},  # it is only imported here
        },
    }
