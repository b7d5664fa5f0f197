"""A request's id, and its one line in the log: JSON with Pino's fields."""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from collections.abc import Iterable
from time import perf_counter, time
from traceback import format_exception
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl
from uuid import uuid4

import orjson
from flask import has_request_context, request

from playlist_api.events import EVENT
from playlist_api.schemas.bodies import page_query

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PLAIN_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
"""The ids of clients that are taken over: nothing that could forge a log line or a header."""

PINO_LEVELS = {10: 20, 20: 30, 30: 40, 40: 50, 50: 60}
"""Of Python's levels: https://getpino.io/#/docs/api?id=logger-level"""

PARAMETERS = frozenset(field.data_key for field in page_query.fields.values())

log = logging.getLogger(__name__)


class JsonFormatter(logging.Formatter):
    """Formats a record as one line of JSON; `extra={"fields": …}` adds fields of its own."""

    def format(self, record: logging.LogRecord) -> str:
        fields = dict(getattr(record, "fields", {}))
        if has_request_context():
            fields.setdefault("reqId", request.headers.get("X-Request-ID"))
        if record.exc_info and record.exc_info[1]:
            fields["err"] = _described(record.exc_info[1])
        return json_line(record.levelno, record.created, record.name, record.getMessage(), fields)


def json_line(level: int, time: float, name: str, message: str, fields: dict[str, Any]) -> str:
    """Make a line of the log; the level is one of Python's, the time in seconds since 1970."""
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
        # An exception can quote what is no Unicode.
        return json.dumps(line, default=str)


def _described(error: BaseException) -> dict[str, str]:
    stack = "".join(format_exception(error))
    return {"type": type(error).__name__, "message": str(error), "stack": stack}


def _quotes_no_request(record: logging.LogRecord) -> bool:
    # gunicorn quotes what is no HTTP, whatever it holds; such requests get a line without it.
    return not str(record.msg).startswith("Invalid request")


LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": JsonFormatter}},
    "filters": {"unquoted": {"()": lambda: _quotes_no_request}},
    "handlers": {
        "stdout": {
            "class": "logging.StreamHandler",
            "formatter": "json",
            "stream": "ext://sys.stdout",
        }
    },
    "root": {"level": "INFO", "handlers": ["stdout"]},
    "loggers": {"gunicorn.error": {"propagate": True, "filters": ["unquoted"]}},
}
"""For whoever serves the application to hand to `logging.config.dictConfig`."""


class RequestLog:
    """Gives each request its id, and logs the answer.

    The rest of the application finds the id as the request's `X-Request-ID`, and leaves what the
    line says of the caller and of what happened in the environment: the user's id as `REMOTE_USER`
    (RFC 3875, section 4.1.11), and an event.
    """

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        started, statuses = perf_counter(), []
        wanted = environ.get("HTTP_X_REQUEST_ID", "")
        request_id = wanted if PLAIN_ID.fullmatch(wanted) else str(uuid4())
        environ["HTTP_X_REQUEST_ID"] = request_id

        def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            statuses.append(int(status[:3]))
            headers.append(("X-Request-ID", request_id))
            return start_response(status, headers, *exc_info)

        answer = self._app(environ, start)
        fields = {
            "reqId": request_id,
            "method": environ["REQUEST_METHOD"],
            "url": _url(environ),
            "statusCode": statuses[-1],
            "responseTime": round((perf_counter() - started) * 1000, 3),
            "remoteAddress": environ.get("REMOTE_ADDR"),
            "userId": environ.get("REMOTE_USER"),
            **environ.get(EVENT, {}),
        }
        level = logging.ERROR if statuses[-1] >= 500 else logging.INFO
        if log.isEnabledFor(level):
            write(json_line(level, time(), __name__, "request completed", fields))
        return answer


def write(line: str) -> None:
    """Write the line of a request, as the handler of `LOGGING` would, but at once.

    What `logging` does on the way, such as to find who called it, is a tenth of a request's cost.
    """
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _url(environ: WSGIEnvironment) -> str:
    path = environ["PATH_INFO"].encode("latin-1").decode(errors="replace")
    # A parameter that the API does not expect may be a secret that went astray.
    shown = [
        f"{name}={value}" if name in PARAMETERS and value.isdecimal() else "***"
        for name, value in parse_qsl(environ["QUERY_STRING"], keep_blank_values=True)
    ]
    return f"{path}?{'&'.join(shown)}" if shown else path
