"""What can go wrong, as exceptions, and the envelope in which clients are told of it."""

import json
import re
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


PROBLEM_CODES = (
    *("required", "blank", "too_short", "too_long", "too_large", "invalid", "invalid_characters"),
    *("malformed", "unsupported", "too_weak", "wrong", "expired", "taken", "quota_exceeded"),
)
"""What can be wrong with a field, for programs; docs/api.md says what each means."""

LABELS = {"body": "The body", "file": "The file", "email": "E-mail", "imageUrl": "Picture"}
"""What fields are called in messages, where it is not their name in words."""


class Problem(str):
    """What is wrong with a field: a sentence without its subject, with a `code` for programs."""

    code: str

    def __new__(cls, code: str, predicate: str) -> "Problem":
        """Take one of the `PROBLEM_CODES`, and what the field must be or is."""
        problem = super().__new__(cls, predicate)
        problem.code = code
        return problem

    def __getnewargs__(self) -> tuple[str, str]:  # type: ignore[override]
        """Say how it is copied: marshmallow copies a schema's fields with their messages."""
        return self.code, str(self)

    def format(self, *args: Any, **kwargs: Any) -> "Problem":
        """Fill in values, as marshmallow does, and keep the code."""
        return Problem(self.code, super().format(*args, **kwargs))

    def of(self, field: str) -> dict[str, str]:
        """Describe the problem of this field, in a sentence that makes sense alone."""
        words = re.sub("([a-z])([A-Z])", lambda two: f"{two[1]} {two[2].lower()}", field)
        label = LABELS.get(field) or words[0].upper() + words[1:]
        return {"field": field, "code": self.code, "message": f"{label} {self}"}


def code_of(status: int) -> str:
    """Name the failure of this status for programs."""
    return CODES.get(status) or HTTPStatus(status).name


ALL_CODES = [code_of(status) for status in STATUSES]


MALFORMED = Problem("malformed", "must be well-formed.")


def envelope(
    status: int, message: str | None = None, details: list[dict[str, str]] | None = None
) -> str:
    """Write the body of an answer of 400 and above; what is not given is told by the status."""
    error: dict[str, Any] = {
        "code": code_of(status),
        "message": message or MESSAGES.get(status) or HTTPStatus(status).phrase,
    }
    if status == HTTPStatus.BAD_REQUEST and not details:
        details = [MALFORMED.of("body")]
    if details:
        error["details"] = details
    return json.dumps({"error": error}, separators=(",", ":")) + "\n"


class ApiError(Exception):
    """A failure that the client is told of.

    Subclasses give the HTTP `status`, which has one code of its own in the envelope; the
    exception's text is shown to people as it is. `headers` go out with the answer, and `details`
    say which field it is about, if it is one.
    """

    status = 500
    details: list[dict[str, str]] | None = None
    headers: dict[str, str] = {}

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Unauthorized(ApiError):
    """The token, session or password does not prove who is asking (RFC 6750, section 3)."""

    status = 401
    headers = {"WWW-Authenticate": "Bearer"}


class SessionEnded(Unauthorized):
    """The token is genuine, but its session has ended."""

    def __init__(self) -> None:
        super().__init__("Your session has ended. Please sign in again.")


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


class EmailTaken(Conflict):
    """Somebody has an account with this e-mail."""

    details = [Problem("taken", "already has an account.").of("email")]

    def __init__(self) -> None:
        super().__init__("This e-mail already has an account.")


class ListBusy(Conflict):
    """Their list is being imported, which nothing else may change meanwhile."""

    headers = {"Retry-After": "5"}

    def __init__(self) -> None:
        super().__init__("This list is being imported. Please try again when that is done.")


class PreconditionFailed(ApiError):
    """It is not, or no longer, as the client takes it to be (RFC 9110, section 13)."""

    status = 412


class TooManyRequests(ApiError):
    """They ask too often; `retry_after` says in how many seconds they may again."""

    status = 429

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.headers = {"Retry-After": str(retry_after)}


class CommitOutcomeUnknown(ApiError):
    """The database was lost while it was to keep a change: it may have been done, or not."""

    status = 502
    headers = {"Retry-After": "5"}


class ServiceUnavailable(ApiError):
    """The service is too busy or its database away; the same request may succeed a little later."""

    status = 503
    headers = {"Retry-After": "5"}


class Invalid(ValidationError):
    """A field is not as it should be, or the body as a whole is not."""

    def __init__(self, code: str, predicate: str, field: str = "_schema") -> None:
        super().__init__(Problem(code, predicate), field)


class WrongPassword(Invalid):
    """Somebody who is signed in does not know their password; a validation error of its field."""

    def __init__(self) -> None:
        super().__init__("wrong", "is wrong.", "currentPassword")
