"""What calls have in common: headers, failures, and the ways to prove who one is."""

import json
from typing import Any

from playlist_api.api.failures import ProblemSchema
from playlist_api.api.identity import REFRESH_COOKIE
from playlist_api.api.operations import ACCESS_TOKEN, REFRESH_TOKEN
from playlist_api.errors import code_of, envelope

ETAG = '"0cc175b9c0f1b6a831c399e269772661"'
ETAG_PATTERN = '^"[0-9a-f]{32}"$'
REQUEST_ID = "3f2a9c1e-5b7d-4e8f-a6c0-d1e2f3a4b5c6"
COOKIE = (
    f"{REFRESH_COOKIE}=eyJhbGciOiJIUzI1NiJ9…; HttpOnly; Max-Age=604800; Path=/auth; SameSite=Strict"
)

SECURITY_SCHEMES: dict[str, dict[str, Any]] = {
    ACCESS_TOKEN: {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": (
            "The `accessToken` of signing up, logging in or refreshing: 15 minutes. A JWT that is"
            " checked as RFC8725 asks: HS256 alone, every claim, and a type of its own."
        ),
    },
    REFRESH_TOKEN: {
        "type": "apiKey",
        "in": "cookie",
        "name": REFRESH_COOKIE,
        "description": "Set by signing up, logging in and refreshing: 7 days, for `/auth` only.",
    },
}

REQUEST_HEADERS = {
    "X-Request-ID": (
        "Up to 64 letters, digits, `.`, `_` or `-` by which to find the request in the log; "
        "any other is replaced.",
        REQUEST_ID,
        {},
    ),
    "If-Match": (
        "The `ETag` that one read: the call fails with 412 if that has changed since.",
        ETAG,
        {},
    ),
    "If-None-Match": (
        "The `ETag` that one has: a read that would bring nothing new is answered with 304, "
        "a change with 412.",
        ETAG,
        {},
    ),
    "Idempotency-Key": (
        "A new UUID for each movie, and the same when the call is repeated.",
        "8e03978e-40d5-43dd-bc93-6894a57f9324",
        {"minLength": 1, "maxLength": 255, "pattern": r"^[!-+\--~]{1,255}$"},
    ),
}
"""Of each: what it is for, an example, and what its schema adds."""

ANSWER_HEADERS: dict[str, tuple[str, str | int, dict[str, Any]]] = {
    "X-Request-ID": ("The request's id, which is also in the log.", REQUEST_ID, {}),
    "Cache-Control": ("Nothing is to be kept by caches.", "no-store", {"const": "no-store"}),
    "ETag": (
        "Names this state of what was read or changed.",
        ETAG,
        {"pattern": ETAG_PATTERN, "maxLength": len(ETAG)},
    ),
    "Link": (
        "Where the next page is, and the one before, if there are such (RFC 8288).",
        '</movies?cursor=AgAAAAAAAAAqAAZg7u-vdAE&limit=20>; rel="next"',
        {},
    ),
    "Location": ("Where the new movie is.", "/movies/42", {"format": "uri-reference"}),
    "Set-Cookie": ("Sets, or clears, the refresh token.", COOKIE, {}),
    "Content-Disposition": (
        "Has browsers save the answer.",
        'attachment; filename="playlist-export.json"',
        {},
    ),
    "WWW-Authenticate": ("How to prove who one is.", "Bearer", {"const": "Bearer"}),
    "Retry-After": (
        "In how many seconds to try again.",
        5,
        {"type": "integer", "format": "int32", "minimum": 1, "maximum": 2**31 - 1},
    ),
    "Allow": ("The methods that there are.", "GET, HEAD, OPTIONS, POST", {}),
    "Access-Control-Allow-Origin": (
        "The origin that asks, if it is one of the front ends'.",
        "https://playlist.example.com",
        {},
    ),
}
"""Of each: what it says, an example, and what its schema adds."""

ALWAYS = ("X-Request-ID", "Cache-Control", "Access-Control-Allow-Origin")
"""The headers of every answer that the document shows."""

SOMETIMES = {"Access-Control-Allow-Origin", "Link", "Retry-After", "Set-Cookie"}
"""The headers that an answer may lack even where it is said to have them: not every client is a
page of a front end, no page follows the last one, not every conflict passes, and whoever ends
another session than their own keeps their cookie."""

FAILURES = {
    400: (
        "The request is not as it should be; `details` says where.",
        "Title must not be blank.",
        (),
    ),
    401: ("No token, or none that is good.", "Please sign in.", ("WWW-Authenticate",)),
    403: ("Not the caller's to do.", "This movie is on somebody else's list.", ()),
    404: ("There is no such thing.", "There is no such movie.", ()),
    405: ("There is no such method at this address.", None, ("Allow",)),
    408: ("The body did not arrive in time.", "The request took too long to arrive.", ()),
    409: (
        "It is taken already, or was used for something else; or the list is full, or is being"
        " imported, which `Retry-After` tells from the others.",
        "This e-mail already has an account.",
        ("Retry-After",),
    ),
    412: (
        "It was changed since the caller read it.",
        "This was changed since you read it. Please read it again.",
        (),
    ),
    413: (
        "The body has more than 64 KiB; of a movie, which may bring its picture, more than 4 MiB;"
        " of a file of movies, more than 10 MiB.",
        None,
        (),
    ),
    414: ("The address has more than about 8,000 bytes.", None, ()),
    415: (
        "The body is something else than JSON.",
        "The body must be JSON, with Content-Type: application/json.",
        (),
    ),
    417: ("An expectation that there is not.", None, ()),
    429: (
        "Too many tries, or too many requests of the caller's under way.",
        "You have too many requests under way. Please try again in a moment.",
        ("Retry-After",),
    ),
    431: ("The headers are too large.", None, ()),
    500: ("A bug; the log has its cause.", None, ()),
    501: ("A transfer coding that there is not.", None, ()),
    502: (
        "The database was lost in the midst of a change, which may have been done, or not; or a "
        "proxy has lost the service.",
        "The service was interrupted. Please look whether this was done, or try again.",
        ("Retry-After",),
    ),
    503: (
        "Too busy, or without its database.",
        "The service is busy. Please try again in a moment.",
        ("Retry-After",),
    ),
}
"""Of each: what it means, an example of what people are told, and its headers."""


def request_header(name: str) -> dict[str, Any]:
    """Describe a header that clients may send."""
    description, example, schema = REQUEST_HEADERS[name]
    # Examples of the schema, for those of the parameter are what Swagger UI would send.
    schema = {"type": "string", **schema, "examples": [example]}
    return {"description": description, "schema": schema}


def answer_header(name: str) -> dict[str, Any]:
    """Describe a header that answers may have."""
    description, example, schema = ANSWER_HEADERS[name]
    return {
        "description": description,
        "required": name not in SOMETIMES,
        "schema": {"type": "string", **schema},
        "example": example,
    }


def failure(status: int) -> dict[str, Any]:
    """Describe the failure of this status: its code, an example, its headers."""
    description, message, headers = FAILURES[status]
    properties: dict[str, Any] = {"code": {"const": code_of(status)}}
    problems = [ProblemSchema.example] if status == 400 else None
    if problems:
        rows = {"type": "array", "items": {"$ref": "#/components/schemas/Problem"}}
        properties["details"] = rows
    error = {"properties": properties, "required": list(properties)}
    particular = {"properties": {"error": error}, "required": ["error"]}
    schema = {"allOf": [{"$ref": "#/components/schemas/Error"}, particular]}
    example = json.loads(envelope(status, message, problems))
    return {
        "description": f"`{code_of(status)}`: {description}",
        "headers": {name: name for name in (*ALWAYS, *headers)},
        "content": {"application/json": {"schema": schema, "example": example}},
    }
