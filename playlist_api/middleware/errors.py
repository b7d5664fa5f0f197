"""Every failure, whoever raised it, as the one envelope that clients know."""

import json
import logging
from http import HTTPStatus
from typing import Any

from flask import Flask, Response
from marshmallow import ValidationError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from werkzeug.exceptions import HTTPException

from playlist_api.database import is_unavailable
from playlist_api.errors import ApiError, ServiceUnavailable
from playlist_api.schemas.fields import problems

log = logging.getLogger(__name__)

CODES = {
    400: "VALIDATION_ERROR",
    413: "PAYLOAD_TOO_LARGE",
    414: "URI_TOO_LONG",
    500: "INTERNAL_ERROR",
}
"""The codes that are not the status's name, or whose name Python 3.13 changed."""

MESSAGES = {
    400: "This request cannot be understood.",
    404: "There is nothing at this address.",
    405: "This address does not support this method.",
    413: "This is too large.",
    414: "This address is too long.",
    500: "Something went wrong on our side.",
}
"""What people are told, where the library's description would not do."""


def envelope(
    status: int, message: str | None = None, details: list[dict[str, str]] | None = None
) -> str:
    """Write the body of an answer of 400 and above; what is not given is told by the status."""
    error: dict[str, Any] = {
        "code": CODES.get(status) or HTTPStatus(status).name,
        "message": message or MESSAGES.get(status) or HTTPStatus(status).phrase,
    }
    if status == HTTPStatus.BAD_REQUEST:
        error["details"] = details or [{"field": "body", "message": "Must be well-formed."}]
    return json.dumps({"error": error}, separators=(",", ":")) + "\n"


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
    return _answer(envelope(error.status, error.message), error.status, error.headers)


def _invalid(error: ValidationError) -> Response:
    return _answer(envelope(400, "Check the highlighted fields.", problems(error)), 400)


def _http_error(error: HTTPException) -> Response:
    status = error.code or 500
    body = envelope(status, MESSAGES.get(status) or error.description)
    # The library's own answer carries headers such as `Allow`.
    return _answer(body, status, dict(error.get_headers()))


def _database_error(error: DBAPIError | PoolTimeoutError) -> Response:
    if not is_unavailable(error):
        raise error
    log.error("The database is away: %s", error)
    return _api_error(ServiceUnavailable("The service is busy. Please try again in a moment."))


def _answer(body: str, status: int, headers: dict[str, str] | None = None) -> Response:
    answer = Response(body, status, headers)
    answer.mimetype = "application/json"
    return answer
