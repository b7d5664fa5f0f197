"""Turns all exceptions, including those of libraries, into responses with the error envelope."""

import logging
from collections.abc import Mapping

from flask import Flask, Response
from marshmallow import ValidationError
from psycopg2.errors import LockNotAvailable, QueryCanceled
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from werkzeug.exceptions import HTTPException

from playlist_api.api.fields import problems
from playlist_api.db.engine import is_unavailable
from playlist_api.db.timeouts import CommitOutcomeUnknown
from playlist_api.errors import MESSAGES, ApiError, ServiceUnavailable, envelope
from playlist_api.ops import metrics

TIMED_OUT: dict[type, str] = {
    LockNotAvailable: "This is being changed already. Please try again in a moment.",
    QueryCanceled: "This took too long. Please ask for less, or try again in a moment.",
}
"""Messages for a lock or a statement that took too long."""

log = logging.getLogger(__name__)


def init_app(app: Flask) -> None:
    """Register the handlers.

    Bugs need none: Flask logs them and wraps them in an HTTPException of 500.
    """
    app.register_error_handler(ApiError, _api_error)
    app.register_error_handler(ValidationError, _validation_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(DBAPIError, _database_error)
    app.register_error_handler(PoolTimeoutError, _database_error)


def _api_error(error: ApiError) -> Response:
    body = envelope(error.status, error.message, error.details)
    return _response(error.status, body, error.headers)


def _validation_error(error: ValidationError) -> Response:
    details = problems(error)
    message = " ".join(problem["message"] for problem in details)
    return _response(400, envelope(400, message, details))


def _http_error(error: HTTPException) -> Response:
    status = error.code or 500
    body = envelope(status, MESSAGES.get(status) or error.description)
    # The library's own answer carries headers such as `Allow`.
    return _response(status, body, dict(error.get_headers()))


def _database_error(error: DBAPIError | PoolTimeoutError) -> Response:
    if not is_unavailable(error):
        raise error
    cause = getattr(error, "orig", None)
    if message := TIMED_OUT.get(type(cause)):
        log.warning("The database gave up: %s", error)
        return _api_error(ServiceUnavailable(message))
    metrics.database_failures.inc()
    log.error("The database is away: %s", error)
    status = 502 if isinstance(cause, CommitOutcomeUnknown) else 503
    return _response(status, envelope(status), ServiceUnavailable.headers)


def _response(status: int, body: str, headers: Mapping[str, str] | None = None) -> Response:
    response = Response(body, status, headers)
    response.mimetype = "application/json"  # over that of Werkzeug's own page
    return response
