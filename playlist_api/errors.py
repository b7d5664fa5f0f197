"""What can go wrong, as exceptions, and the envelope in which clients are told of it."""

import json
from http import HTTPStatus
from typing import Any

from marshmallow import ValidationError

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


STATUSES = (
    *(400, 401, 403, 404, 405, 408, 409, 412, 413, 414, 415, 417, 429, 431),
    *(500, 501, 502, 503),
)
"""Every status of 400 and above that the service, or gunicorn for it, answers with."""


def code_of(status: int) -> str:
    """Name the failure of this status for programs."""
    return CODES.get(status) or HTTPStatus(status).name


ALL_CODES = [code_of(status) for status in STATUSES]


def envelope(
    status: int, message: str | None = None, details: list[dict[str, str]] | None = None
) -> str:
    """Write the body of an answer of 400 and above; what is not given is told by the status."""
    error: dict[str, Any] = {
        "code": code_of(status),
        "message": message or MESSAGES.get(status) or HTTPStatus(status).phrase,
    }
    if status == HTTPStatus.BAD_REQUEST:
        error["details"] = details or [{"field": "body", "message": "Must be well-formed."}]
    return json.dumps({"error": error}, separators=(",", ":")) + "\n"


class ApiError(Exception):
    """A failure that the client is told of.

    Subclasses give the HTTP `status`, which has one code of its own in the envelope; the
    exception's text is shown to people as it is. `headers` go out with the answer.
    """

    status = 500
    headers: dict[str, str] = {}

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Unauthorized(ApiError):
    """The token, session or password does not prove who is asking (RFC 6750, section 3)."""

    status = 401
    headers = {"WWW-Authenticate": "Bearer"}


class Forbidden(ApiError):
    """It is known who is asking, and it is not theirs to ask."""

    status = 403


class NotFound(ApiError):
    """There is no such thing."""

    status = 404


class RequestTimeout(ApiError):
    """The request's body did not arrive in time."""

    status = 408


class Conflict(ApiError):
    """It is taken already, or was used for something else."""

    status = 409


class PreconditionFailed(ApiError):
    """It is not, or no longer, as the client takes it to be (RFC 9110, section 13)."""

    status = 412


class TooManyRequests(ApiError):
    """They ask too often; `retry_after` says in how many seconds they may again."""

    status = 429

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.headers = {"Retry-After": str(retry_after)}


class InDoubt(ApiError):
    """The database was lost while it was to keep a change: it may have been done, or not."""

    status = 502
    headers = {"Retry-After": "5"}


class ServiceUnavailable(ApiError):
    """The service is too busy or its database away; the same request may succeed a little later."""

    status = 503
    headers = {"Retry-After": "5"}


class WrongPassword(ValidationError):
    """Somebody who is signed in does not know their password; a validation error of its field."""

    def __init__(self) -> None:
        super().__init__("Is not your password.", "currentPassword")
