"""What can go wrong, as exceptions: services raise them, the middleware answers with them."""

from marshmallow import ValidationError


class ApiError(Exception):
    """A failure that the client is told of.

    Subclasses give the HTTP `status` and the envelope's `code`; the exception's text is
    shown to people as it is. `headers` go out with the answer.
    """

    status = 500
    code = "INTERNAL_ERROR"
    headers: dict[str, str] = {}

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Unauthorized(ApiError):
    """The token, session or password does not prove who is asking (RFC 6750, section 3)."""

    status, code = 401, "UNAUTHORIZED"
    headers = {"WWW-Authenticate": "Bearer"}


class Forbidden(ApiError):
    """It is known who is asking, and it is not theirs to ask."""

    status, code = 403, "FORBIDDEN"


class NotFound(ApiError):
    """There is no such thing."""

    status, code = 404, "NOT_FOUND"


class Conflict(ApiError):
    """Somebody else already has it."""

    status, code = 409, "CONFLICT"


class TooManyRequests(ApiError):
    """They ask too often; `retry_after` says in how many seconds they may again."""

    status, code = 429, "TOO_MANY_REQUESTS"

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.headers = {"Retry-After": str(retry_after)}


class ServiceUnavailable(ApiError):
    """The service is too busy or its database away; the same request may succeed a little later."""

    status, code = 503, "SERVICE_UNAVAILABLE"
    headers = {"Retry-After": "5"}


class WrongPassword(ValidationError):
    """Somebody who is signed in does not know their password; a validation error of its field."""

    def __init__(self) -> None:
        super().__init__("Is not your password.", "currentPassword")
