"""What wraps every request: its log line and figures, its answer's headers, errors as envelopes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from playlist_api.api import error_handlers as errors
from playlist_api.api.headers import Headers
from playlist_api.api.request_log import RequestLog
from playlist_api.api.request_metrics import RequestMetrics, note_route
from playlist_api.api.requests import refuse_aliases, refuse_unclear_hosts
from playlist_api.config import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


def init_app(app: Flask, settings: Settings) -> None:
    """Wrap the application: what comes last here sees a request first, and its answer last.

    Each of the `trusted_proxies` adds one address to `X-Forwarded-For` and one scheme to
    `X-Forwarded-Proto`; what the client itself put there is further left, and not believed.
    """
    errors.init_app(app)
    app.url_map.merge_slashes = False
    app.before_request(note_route)
    app.before_request(refuse_unclear_hosts)
    app.before_request(refuse_aliases)
    wrapped: WSGIApplication = app.wsgi_app
    wrapped = Headers(wrapped, production=settings.production, origins=settings.cors_origins)
    wrapped = RequestMetrics(wrapped)
    wrapped = RequestLog(wrapped, settings.log_format)
    if settings.trusted_proxies:
        proxies = settings.trusted_proxies
        wrapped = ProxyFix(wrapped, x_for=proxies, x_proto=proxies)
    app.wsgi_app = wrapped  # type: ignore[method-assign]
