"""The headers of every answer: security, caching, and CORS for the front end's origins."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

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
"""What Helmet 8 sends, without the headers that only matter to a page; DENY as an API can."""

HSTS = "max-age=31536000; includeSubDomains"
"""One year: Helmet's default, and what hstspreload.org asks for."""

EXPOSED = "Content-Disposition, ETag, Link, Location, Retry-After, X-Request-ID"
REQUEST_HEADERS = (
    "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, X-Request-ID"
)
PREFLIGHT_MAX_AGE = "7200"
"""Seconds that a browser may keep a preflight's answer; Chromium keeps none for longer."""


def fixed_headers(*, production: bool) -> dict[str, str]:
    """Return the headers that are the same on every answer, but where a view says otherwise."""
    fixed = {**SECURITY, "Cache-Control": "no-store", "Vary": "Origin"}
    return fixed | {"Strict-Transport-Security": HSTS} if production else fixed


class Headers:
    """Puts the headers on every answer, errors and preflights included."""

    def __init__(self, app: WSGIApplication, *, production: bool, origins: Container[str]) -> None:
        self._app = app
        self._origins = origins
        self._fixed = [
            (*pair, pair[0].lower()) for pair in fixed_headers(production=production).items()
        ]

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            if status.startswith("204") or ("Content-Length", "0") in headers:
                headers = [pair for pair in headers if pair[0] != "Content-Type"]
            own = {name.lower() for name, _ in headers}
            headers += [(name, value) for name, value, key in self._fixed if key not in own]
            if environ.get("HTTP_ORIGIN") in self._origins:
                headers += _cors(environ, headers)
            return start_response(status, headers, *exc_info)

        return self._app(environ, start)


def _cors(environ: WSGIEnvironment, headers: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    yield "Access-Control-Allow-Origin", environ["HTTP_ORIGIN"]
    yield "Access-Control-Allow-Credentials", "true"
    yield "Access-Control-Expose-Headers", EXPOSED
    if environ["REQUEST_METHOD"] == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ:
        yield "Access-Control-Allow-Methods", dict(headers).get("Allow", "")
        yield "Access-Control-Allow-Headers", REQUEST_HEADERS
        yield "Access-Control-Max-Age", PREFLIGHT_MAX_AGE
