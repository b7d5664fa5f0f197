"""Failures as exceptions, and the one envelope in which clients see them."""

import json
import re
from http import HTTPStatus
from typing import Any

from marshmallow import ValidationError

STATUSES = (
    *(400, 401, 403, 404, 405, 408, 409, 412, 413, 414, 415, 417, 429, 431),
    *(500, 501, 502, 503),
)
"""Every status of 400 and above that the service, or gunicorn for it, answers with."""

CODES = {
    400: "VALIDATION_ERROR",
    413: "PAYLOAD_TOO_LARGE",
    414: "URI_TOO_LONG",
    500: "INTERNAL_ERROR",
}
"""The codes that differ from the status's name in `http`, or whose name Python 3.13 changed."""

MESSAGES = {
    400: "This request cannot be understood.",
    401: "Please sign in.",
    404: "There is nothing at this address.",
    405: "This address does not support this method.",
    408: "The request took too long to arrive.",
    412: "This was changed since you read it. Please read it again.",
    413: "This is too large.",
    414: "This address is too long.",
    415: "The body must be JSON, with Content-Type: application/json.",
    500: "Something went wrong on our side.",
    502: "The service was interrupted. Please look whether this was done, or try again.",
    503: "The service is busy. Please try again in a moment.",
}
"""What people read unless an exception says it more exactly."""

PROBLEM_CODES = (
    *("required", "blank", "too_short", "too_long", "too_large", "invalid", "invalid_characters"),
    *("malformed", "unsupported", "too_weak", "wrong", "expired", "taken", "quota_exceeded"),
)
"""What can be wrong with a field; docs/api.md explains each."""

LABELS = {"body": "The body", "file": "The file", "email": "E-mail", "imageUrl": "Picture"}
"""The names of fields in messages, where they are not the field's name in words."""


class Problem(str):
    """What is wrong with a field: a sentence without its subject, and a `code` for programs."""

    code: str

    def __new__(cls, code: str, predicate: str) -> "Problem":
        """Make a problem with one of the `PROBLEM_CODES`."""
        problem = super().__new__(cls, predicate)
        problem.code = code
        return problem

    def __getnewargs__(self) -> tuple[str, str]:  # type: ignore[override]
        """Let marshmallow copy it with its field."""
        return self.code, str(self)

    def format(self, *args: Any, **kwargs: Any) -> "Problem":
        """Fill in values, as marshmallow does, and keep the code."""
        return Problem(self.code, super().format(*args, **kwargs))

    def of(self, field: str) -> dict[str, str]:
        """Return the row of `details` for this field, its message a whole sentence."""
        words = re.sub("([a-z])([A-Z])", lambda two: f"{two[1]} {two[2].lower()}", field)
        label = LABELS.get(field) or words[0].upper() + words[1:]
        return {"field": field, "code": self.code, "message": f"{label} {self}"}


MALFORMED = Problem("malformed", "must be well-formed.").of("body")


def code_of(status: int) -> str:
    """Return the code of this status in the envelope."""
    return CODES.get(status) or HTTPStatus(status).name


def envelope(
    status: int, message: str | None = None, details: list[dict[str, str]] | None = None
) -> str:
    """Return the body of an answer of 400 and above, by default with the status's own message."""
    error: dict[str, Any] = {
        "code": code_of(status),
        "message": message or MESSAGES.get(status) or HTTPStatus(status).phrase,
    }
    if details or status == HTTPStatus.BAD_REQUEST:
        error["details"] = details or [MALFORMED]
    return json.dumps({"error": error}, separators=(",", ":")) + "\n"


class ApiError(Exception):
    """A failure that is reported to the client, with the status's own message by default."""

    status = 500
    message: str | None = None
    details: list[dict[str, str]] | None = None
    headers: dict[str, str] = {}

    def __init__(self, message: str | None = None) -> None:
        self.message = message or self.message
        super().__init__(self.message)


class Unauthorized(ApiError):
    """The token, session or password does not authenticate the caller (RFC 6750, section 3)."""

    status = 401
    headers = {"WWW-Authenticate": "Bearer"}


class SessionEnded(Unauthorized):
    """The token is genuine, but its session has ended."""

    message = "Your session has ended. Please sign in again."


class Forbidden(ApiError):
    """The caller is authenticated, but not allowed to do this."""

    status = 403


class NotFound(ApiError):
    """The resource does not exist."""

    status = 404


class RequestTimeout(ApiError):
    """The request's body did not arrive in time."""

    status = 408


class Conflict(ApiError):
    """The request conflicts with the state of the resource."""

    status = 409


class EmailTaken(Conflict):
    """Another account has this e-mail address."""

    message = "This e-mail already has an account."
    details = [Problem("taken", "already has an account.").of("email")]


class ListBusy(Conflict):
    """An import is running, and nothing else may change the list meanwhile."""

    message = "This list is being imported. Please try again when that is done."
    headers = {"Retry-After": "5"}


class PreconditionFailed(ApiError):
    """`If-Match` or `If-None-Match` does not hold (RFC 9110, section 13)."""

    status = 412


class TooManyRequests(ApiError):
    """The client may try again in `retry_after` seconds."""

    status = 429

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.headers = {"Retry-After": str(retry_after)}


class ServiceUnavailable(ApiError):
    """The service is busy or its database is away. Nothing was done."""

    status = 503
    headers = {"Retry-After": "5"}


class Invalid(ValidationError):
    """One problem of a field, by default of the body as a whole."""

    def __init__(self, code: str, predicate: str, field: str = "_schema") -> None:
        super().__init__(Problem(code, predicate), field)


class WrongPassword(Invalid):
    """A signed-in user's `currentPassword` is wrong."""

    def __init__(self) -> None:
        super().__init__("wrong", "is wrong.", "currentPassword")
