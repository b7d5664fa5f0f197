"""Requests in figures: how many, how they ended, how long they took."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPMethod
from time import perf_counter
from typing import TYPE_CHECKING, Any

from flask import request

from playlist_api.ops import metrics

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

ROUTE = "playlist_api.route"
METHODS = frozenset(HTTPMethod)


class RequestMetrics:
    """Counts and times requests by their route, so that no client can make up labels."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        started, statuses = perf_counter(), []

        def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            statuses.append(status[:3])
            return start_response(status, headers, *exc_info)

        metrics.in_flight.inc()
        try:
            answer = self._app(environ, start)
        finally:
            metrics.in_flight.dec()
        method = environ["REQUEST_METHOD"]
        labels = method if method in METHODS else "other", environ.get(ROUTE, "none"), statuses[-1]
        metrics.requests.labels(*labels).observe(perf_counter() - started)
        return answer


def note_route() -> None:
    """Leave the request's route, if it has one, where the figures are made."""
    if request.url_rule:
        request.environ[ROUTE] = request.url_rule.rule
