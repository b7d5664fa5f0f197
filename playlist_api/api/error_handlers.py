"""Every failure, whoever raised it, as the one envelope that clients know."""

import logging

from flask import Flask, Response
from marshmallow import ValidationError
from psycopg2.errors import LockNotAvailable, QueryCanceled
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from werkzeug.exceptions import HTTPException

from playlist_api.api.fields import problems
from playlist_api.db import timeouts as deadline
from playlist_api.db.engine import is_unavailable
from playlist_api.errors import (
    MESSAGES,
    ApiError,
    CommitOutcomeUnknown,
    ServiceUnavailable,
    envelope,
)
from playlist_api.ops import metrics

BUSY = "The service is busy. Please try again in a moment."
OUTCOME_UNKNOWN = "The service was interrupted. Please look whether this was done, or try again."

TIMED_OUT: dict[type, str] = {
    LockNotAvailable: "This is being changed already. Please try again in a moment.",
    QueryCanceled: "This took too long. Please ask for less, or try again in a moment.",
}
"""What is told of a lock or a statement that took too long. The database is there."""

log = logging.getLogger(__name__)


def init_app(app: Flask) -> None:
    """Answer every failure with the envelope.

    Bugs need no handler of their own: Flask logs them and wraps them in an HTTPException of 500.
    """
    app.register_error_handler(ApiError, _api_error)
    app.register_error_handler(ValidationError, _invalid)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(DBAPIError, _database_error)
    app.register_error_handler(PoolTimeoutError, _database_error)


def _api_error(error: ApiError) -> Response:
    body = envelope(error.status, error.message, error.details)
    return _answer(body, error.status, error.headers)


def _invalid(error: ValidationError) -> Response:
    details = problems(error)
    message = " ".join(problem["message"] for problem in details)
    return _answer(envelope(400, message, details), 400)


def _http_error(error: HTTPException) -> Response:
    status = error.code or 500
    body = envelope(status, MESSAGES.get(status) or error.description)
    # The library's own answer carries headers such as `Allow`.
    return _answer(body, status, dict(error.get_headers()))


def _database_error(error: DBAPIError | PoolTimeoutError) -> Response:
    if not is_unavailable(error):
        raise error
    cause = getattr(error, "orig", None)
    if message := TIMED_OUT.get(type(cause)):
        log.warning("The database gave up: %s", error)
        return _api_error(ServiceUnavailable(message))
    metrics.database_failures.inc()
    log.error("The database is away: %s", error)
    if isinstance(cause, deadline.CommitOutcomeUnknown):
        return _api_error(CommitOutcomeUnknown(OUTCOME_UNKNOWN))
    return _api_error(ServiceUnavailable(BUSY))


def _answer(body: str, status: int, headers: dict[str, str] | None = None) -> Response:
    answer = Response(body, status, headers)
    answer.mimetype = "application/json"
    return answer
