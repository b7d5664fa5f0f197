"""A request's id, and its one line in the log."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterable
from time import perf_counter, time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl
from uuid import uuid4

from playlist_api.movies.cursors import SORTS
from playlist_api.ops.events import EVENT
from playlist_api.ops.logs import LINES
from playlist_api.transfer.schemas import EXPORT_FORMATS

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PLAIN_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
"""The ids of clients that are taken over: nothing that could forge a log line or a header."""

TRACE = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}.*")
"""Of whoever traces requests: https://www.w3.org/TR/trace-context/#traceparent-header"""

SHOWN = re.compile(
    rf"(page|limit)=[0-9]+|year=[0-9]{{4}}(\.\.[0-9]{{4}})?|sort=({'|'.join(SORTS)})"
    rf"|dryRun=(true|false)|format=({'|'.join(EXPORT_FORMATS)})"
)
"""The parameters of which no part is a person's own words. Any other may be a secret that went
astray, and what people search for is theirs; so is a cursor, which may hold a title."""

log = logging.getLogger(__name__)


class RequestLog:
    """Gives each request its id, and logs the answer.

    The rest of the application finds the id as the request's `X-Request-ID`, and leaves what the
    line says of the caller and of what happened in the environment: the user's id as `REMOTE_USER`
    (RFC 3875, section 4.1.11), and an event. A `traceparent` becomes `trace_id` and `span_id`, as
    OpenTelemetry names them.
    """

    def __init__(self, app: WSGIApplication, log_format: str) -> None:
        self._app = app
        self._line = LINES[log_format]

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
        level = logging.ERROR if statuses[-1] >= 500 else logging.INFO
        if log.isEnabledFor(level):
            fields = {
                "reqId": request_id,
                "method": environ["REQUEST_METHOD"],
                "url": _url(environ),
                "statusCode": statuses[-1],
                "responseTime": round((perf_counter() - started) * 1000, 3),
                "remoteAddress": environ.get("REMOTE_ADDR"),
                "userId": environ.get("REMOTE_USER"),
                **environ.get(EVENT, {}),
                **_trace(environ),
            }
            write(self._line(level, time(), __name__, "request completed", fields))
        return answer


def write(line: str) -> None:
    """Write the line of a request, as the handler of `logs.logging_config` would, but at once.

    What `logging` does on the way, such as to find who called it, is a tenth of a request's cost.
    """
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _trace(environ: WSGIEnvironment) -> dict[str, str]:
    traced = TRACE.fullmatch(environ.get("HTTP_TRACEPARENT", ""))
    return {"trace_id": traced[1], "span_id": traced[2]} if traced else {}


def _url(environ: WSGIEnvironment) -> str:
    path = environ["PATH_INFO"].encode("latin-1").decode(errors="replace")
    given = map("=".join, parse_qsl(environ["QUERY_STRING"], keep_blank_values=True))
    shown = [parameter if SHOWN.fullmatch(parameter) else "***" for parameter in given]
    return f"{path}?{'&'.join(shown)}" if shown else path
