"""WSGI middleware for every request: request id, log line, metrics and response headers."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterable, Iterator
from http import HTTPMethod
from time import perf_counter, time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl
from uuid import uuid4

from flask import Flask, Response
from werkzeug.middleware.proxy_fix import ProxyFix

from playlist_api.config import Settings
from playlist_api.errors import envelope
from playlist_api.ops import metrics
from playlist_api.ops.logs import EVENT, LINES

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

Headers = list[tuple[str, str]]

SECURITY = {
    "Content-Security-Policy": (
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Permitted-Cross-Domain-Policies": "none",
}
"""What Helmet 8 sends, less what only matters to a page."""

HSTS = "max-age=31536000; includeSubDomains"
"""One year: Helmet's default, and the minimum of hstspreload.org."""

EXPOSED = "Content-Disposition, ETag, Link, Location, Retry-After, X-Request-ID"
ALLOWED_REQUEST_HEADERS = (
    "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, X-Request-ID"
)
PREFLIGHT_MAX_AGE = "7200"
"""Seconds a browser may cache a preflight; Chromium caches none for longer."""

PLAIN_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
"""Request ids that are accepted from clients: none can forge a log line or a header."""

TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}.*")
"""https://www.w3.org/TR/trace-context/#traceparent-header"""

LOGGED = re.compile(
    r"(page|limit)=[0-9]+|year=[0-9]{4}(\.\.[0-9]{4})?|(sort|format|dryRun)=-?[A-Za-z]{1,16}"
)
"""The query parameters that are logged as they are: their values are words of the API or numbers.
All others become `***`: a search and a cursor hold titles, and an unknown one may be a secret."""

HOST = re.compile(r"([\w.~!$&'()*+,;=%-]+|\[[0-9a-f:.]+\])(:\d*)?", re.ASCII | re.IGNORECASE)
"""A name or an address with an optional port (RFC 9110, section 7.2; RFC 3986, section 3.2)."""

METHODS = frozenset(HTTPMethod)

log = logging.getLogger(__name__)


def init_app(app: Flask, settings: Settings) -> None:
    """Wrap the application in the edge, and that in Werkzeug's `ProxyFix` behind proxies."""
    app.url_map.merge_slashes = False
    wrapped: WSGIApplication = Edge(app.wsgi_app, settings)
    if proxies := settings.trusted_proxies:
        wrapped = ProxyFix(wrapped, x_for=proxies, x_proto=proxies)
    app.wsgi_app = wrapped  # type: ignore[assignment,method-assign]


def fixed_headers(*, production: bool) -> dict[str, str]:
    """Return the headers that every answer has unless its view sets them."""
    fixed = {**SECURITY, "Cache-Control": "no-store", "Vary": "Origin"}
    return fixed | {"Strict-Transport-Security": HSTS} if production else fixed


class Edge:
    """The WSGI middleware around the application.

    The application finds the request's id as its `X-Request-ID`. It leaves for the log line the
    user's id as `REMOTE_USER` (RFC 3875, section 4.1.11) and the event under `EVENT`. A
    `traceparent` becomes `trace_id` and `span_id`, as OpenTelemetry names them.
    """

    def __init__(self, app: WSGIApplication, settings: Settings) -> None:
        self._app = app
        self._origins = settings.cors_origins
        self._line = LINES[settings.log_format]
        fixed = fixed_headers(production=settings.production)
        self._fixed = [(name, value, name.lower()) for name, value in fixed.items()]

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        started, status, route = perf_counter(), "", ""
        request_id = environ.get("HTTP_X_REQUEST_ID", "")
        if not PLAIN_ID.fullmatch(request_id):
            request_id = environ["HTTP_X_REQUEST_ID"] = str(uuid4())

        def start(status_line: str, headers: Headers, *exc_info: Any) -> Any:
            nonlocal status, route
            status, route = status_line[:3], _route(environ)
            return start_response(status_line, self._complete(environ, status, headers), *exc_info)

        metrics.in_flight.inc()
        try:
            body = (_refusal(environ) or self._app)(environ, start)
        finally:
            metrics.in_flight.dec()
        duration = perf_counter() - started
        # Clients can make up no label: the route is a pattern.
        method = environ["REQUEST_METHOD"]
        label = method if method in METHODS else "other"
        metrics.requests.labels(label, route, status).observe(duration)
        self._log(environ, int(status), duration)
        return body

    def _complete(self, environ: WSGIEnvironment, status: str, headers: Headers) -> Headers:
        if status == "204" or ("Content-Length", "0") in headers:
            headers = [header for header in headers if header[0] != "Content-Type"]
        own = {name.lower() for name, _ in headers}
        headers += [(name, value) for name, value, key in self._fixed if key not in own]
        headers.append(("X-Request-ID", environ["HTTP_X_REQUEST_ID"]))
        if environ.get("HTTP_ORIGIN") in self._origins:
            headers += _cors(environ, headers)
        return headers

    def _log(self, environ: WSGIEnvironment, status: int, duration: float) -> None:
        level = logging.ERROR if status >= 500 else logging.INFO
        if log.isEnabledFor(level):
            fields = {
                "reqId": environ["HTTP_X_REQUEST_ID"],
                "method": environ["REQUEST_METHOD"],
                "url": _url(environ),
                "statusCode": status,
                "responseTime": round(duration * 1000, 3),
                "remoteAddress": environ.get("REMOTE_ADDR"),
                "userId": environ.get("REMOTE_USER"),
                **environ.get(EVENT, {}),
                **_trace(environ),
            }
            # Past `logging`, whose own work is a tenth of a small request.
            line = self._line(level, time(), __name__, "request completed", fields)
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()


def _refusal(environ: WSGIEnvironment) -> Response | None:
    host = environ.get("HTTP_HOST")
    is_optional = environ["SERVER_PROTOCOL"] == "HTTP/1.0"  # RFC 9112, section 3.2
    if not (HOST.fullmatch(host or "") or (host is None and is_optional)):
        return _error(400)
    # Each resource has one path, so that a proxy's rules for it cannot be evaded: WSGI decodes
    # `%2F`, and Werkzeug ignores leading slashes.
    raw_path = environ.get("RAW_URI", "").partition("?")[0].lower()
    if environ["PATH_INFO"].startswith("//") or "%2f" in raw_path:
        return _error(404)
    return None


def _error(status: int) -> Response:
    return Response(envelope(status), status, mimetype="application/json")


def _route(environ: WSGIEnvironment) -> str:
    # Flask takes its request out of the environment when it is done.
    rule = getattr(environ.get("werkzeug.request"), "url_rule", None)
    return rule.rule if rule else "none"


def _cors(environ: WSGIEnvironment, headers: Headers) -> Iterator[tuple[str, str]]:
    yield "Access-Control-Allow-Origin", environ["HTTP_ORIGIN"]
    yield "Access-Control-Allow-Credentials", "true"
    yield "Access-Control-Expose-Headers", EXPOSED
    if environ["REQUEST_METHOD"] == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ:
        yield "Access-Control-Allow-Methods", dict(headers).get("Allow", "")
        yield "Access-Control-Allow-Headers", ALLOWED_REQUEST_HEADERS
        yield "Access-Control-Max-Age", PREFLIGHT_MAX_AGE


def _url(environ: WSGIEnvironment) -> str:
    path = environ["PATH_INFO"].encode("latin-1").decode(errors="replace")
    given = map("=".join, parse_qsl(environ["QUERY_STRING"], keep_blank_values=True))
    shown = [parameter if LOGGED.fullmatch(parameter) else "***" for parameter in given]
    return f"{path}?{'&'.join(shown)}" if shown else path


def _trace(environ: WSGIEnvironment) -> dict[str, str]:
    traced = TRACEPARENT.fullmatch(environ.get("HTTP_TRACEPARENT", ""))
    return {"trace_id": traced[1], "span_id": traced[2]} if traced else {}
