"""The headers of every answer: security, caching, and CORS for the front end's origins."""

from flask import Flask, Response, current_app, request

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

EXPOSED = "Content-Disposition, ETag, Location, Retry-After, X-Request-ID"
REQUEST_HEADERS = (
    "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, X-Request-ID"
)
PREFLIGHT_MAX_AGE = "7200"
"""Seconds that a browser may keep a preflight's answer; Chromium keeps none for longer."""


def fixed_headers(*, production: bool) -> dict[str, str]:
    """Return the headers that are the same on every answer, but where a view says otherwise."""
    fixed = {**SECURITY, "Cache-Control": "no-store", "Vary": "Origin"}
    return fixed | {"Strict-Transport-Security": HSTS} if production else fixed


def init_app(app: Flask, *, production: bool) -> None:
    """Put the headers on every answer, errors and preflights included."""
    fixed = fixed_headers(production=production).items()

    @app.after_request
    def add_headers(response: Response) -> Response:
        own = {name.lower() for name, _ in response.headers}
        response.headers.extend([pair for pair in fixed if pair[0].lower() not in own])
        if request.headers.get("Origin") in current_app.config["CORS_ORIGINS"]:
            _allow_origin(response)
        if response.content_length == 0 or response.status_code == 204:
            response.headers.pop("Content-Type", None)
        return response


def _allow_origin(response: Response) -> None:
    response.headers["Access-Control-Allow-Origin"] = request.headers["Origin"]
    response.headers["Access-Control-Allow-Credentials"] = "true"
    response.headers["Access-Control-Expose-Headers"] = EXPOSED
    if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
        response.headers["Access-Control-Allow-Methods"] = response.headers.get("Allow", "")
        response.headers["Access-Control-Allow-Headers"] = REQUEST_HEADERS
        response.headers["Access-Control-Max-Age"] = PREFLIGHT_MAX_AGE
