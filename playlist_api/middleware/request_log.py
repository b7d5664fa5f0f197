"""A request's id, and its one line in the log: JSON with Pino's fields."""

import json
import logging
import re
from time import perf_counter
from traceback import format_exception
from typing import Any
from uuid import uuid4

from flask import Flask, Response, g, has_request_context, request

from playlist_api.schemas.bodies import page_query

PLAIN_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
"""The ids of clients that are taken over: nothing that could forge a log line or a header."""

PINO_LEVELS = {"DEBUG": 20, "INFO": 30, "WARNING": 40, "ERROR": 50, "CRITICAL": 60}
"""https://getpino.io/#/docs/api?id=logger-level"""

PARAMETERS = frozenset(field.data_key for field in page_query.fields.values())

log = logging.getLogger(__name__)


class JsonFormatter(logging.Formatter):
    """Formats a record as one line of JSON; `extra={"fields": …}` adds fields of its own."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "level": PINO_LEVELS.get(record.levelname, record.levelno),
            "time": int(record.created * 1000),
            "pid": record.process,
            "name": record.name,
            "msg": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if has_request_context():
            line.setdefault("reqId", g.get("request_id"))
        if record.exc_info and record.exc_info[1]:
            line["err"] = _described(record.exc_info[1])
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


def init_app(app: Flask) -> None:
    """Give each request its id and its line.

    To be called before what adds to the answer, for Flask runs these functions in reverse.
    """

    @app.before_request
    def start() -> None:
        g.started = perf_counter()
        wanted = request.headers.get("X-Request-ID", "")
        g.request_id = wanted if PLAIN_ID.fullmatch(wanted) else str(uuid4())

    @app.after_request
    def finish(response: Response) -> Response:
        response.headers["X-Request-ID"] = g.request_id
        level = logging.ERROR if response.status_code >= 500 else logging.INFO
        log.log(level, "request completed", extra={"fields": _fields(response)})
        return response


def _fields(response: Response) -> dict[str, Any]:
    return {
        "reqId": g.request_id,
        "method": request.method,
        "url": _url(),
        "statusCode": response.status_code,
        "responseTime": round((perf_counter() - g.started) * 1000, 3),
        "remoteAddress": request.remote_addr,
        "userId": g.get("user_id"),
        **g.get("event", {}),
    }


def _url() -> str:
    # A parameter that the API does not expect may be a secret that went astray.
    shown = [
        f"{name}={value}" if name in PARAMETERS and value.isdecimal() else "***"
        for name, value in request.args.items(multi=True)
    ]
    return f"{request.path}?{'&'.join(shown)}" if shown else request.path
