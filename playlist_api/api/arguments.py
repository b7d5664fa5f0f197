"""Decorators that load a view's arguments from the request.

A view gets its arguments in the order of its decorators, then the parameters of its path.
"""

import re
from collections.abc import Callable
from functools import partial, wraps
from typing import Any
from urllib.parse import parse_qs

from flask import Response, after_this_request, current_app, request
from marshmallow import Schema, ValidationError
from werkzeug.exceptions import (
    ClientDisconnected,
    HTTPException,
    RequestEntityTooLarge,
    UnsupportedMediaType,
)

from playlist_api.api.fields import CONTROL_OR_SURROGATE, load
from playlist_api.api.identity import require_active_session
from playlist_api.api.json import parse_json
from playlist_api.api.operations import T, operation_of
from playlist_api.db.models import USER_AGENT_LENGTH
from playlist_api.errors import Invalid, Problem
from playlist_api.ops.bulkheads import Bulkhead, Turn, client_keys

CUT = Problem("malformed", "must arrive whole and well-formed.")

PICTURE = re.compile(
    rb'(?<!\\)"data:[^"\\\x80-\xff]*+(?:\\[^"u\x80-\xff][^"\\\x80-\xff]*+)*+"', re.IGNORECASE
)
"""A JSON string that is a `data:` URL, which is ASCII (RFC 2397). With any other character, raw or
as `\\u`, each of its letters would take four bytes in memory."""

large_bodies = Bulkhead(
    "large_bodies",
    8,  # of up to 10 MiB, which stay in memory until they are answered
    concurrency_per_key=2,
    queue=8,
    timeout=5,
    busy="Too many files are being sent. Please try again in a moment.",
)

IDEMPOTENCY_KEY = re.compile(r"[!-+\--~]{1,255}")
"""Visible ASCII characters, at most 255 as in widely used services. A comma would separate two
headers."""


def body(
    schema: Schema, longest: int | None = None
) -> Callable[[Callable[..., T]], Callable[..., T]]:
    """Pass the view the request's JSON object, loaded by the schema.

    :param longest: the maximum size in bytes, including pictures. Without it, the maximum is
        `MAX_CONTENT_LENGTH`. With it, `MAX_CONTENT_LENGTH` limits everything but the pictures.
    """

    def decorate(view: Callable[..., T]) -> Callable[..., T]:
        operation = operation_of(view)
        operation.body = schema
        operation.failures |= {400, 413, 415, 429, 503}
        return inject(lambda: load(schema, _load_json(longest)), view)

    return decorate


def query(schema: Schema) -> Callable[[Callable[..., T]], Callable[..., T]]:
    """Pass the view the query string's parameters; a repeated one becomes a list."""

    def decorate(view: Callable[..., T]) -> Callable[..., T]:
        operation = operation_of(view)
        operation.query = schema
        operation.failures.add(400)
        return inject(lambda: load(schema, _query_parameters()), view)

    return decorate


def idempotency_key(view: Callable[..., T]) -> Callable[..., T]:
    """Pass the view the request's `Idempotency-Key`, or None if it has none."""
    operation = operation_of(view)
    operation.headers.append("Idempotency-Key")
    operation.failures |= {400, 409}
    return inject(_idempotency_key, view)


def user_agent() -> str:
    """Return the `User-Agent` as clean text that fits its column."""
    sent = request.headers.get("User-Agent", "")
    return CONTROL_OR_SURROGATE.sub("", sent)[:USER_AGENT_LENGTH]


def inject(load: Callable[[], Any], view: Callable[..., T]) -> Callable[..., T]:
    """Pass what is loaded from the request to the view.

    :raises SessionEnded: when the request is invalid and its session has ended: 401 comes before
        400. The service's first statement checks the session of a valid request.
    """

    @wraps(view)
    def injected(*args: Any, **kwargs: Any) -> T:
        try:
            argument = load()
        except (ValidationError, HTTPException):
            require_active_session()
            raise
        return view(*args, argument, **kwargs)

    return injected


def _query_parameters() -> dict[str, Any]:
    # Bytes that are not UTF-8 become surrogates, which no clean text has. Flask would leave them
    # percent-encoded.
    query = request.query_string.decode(errors="surrogateescape")
    given = parse_qs(query, keep_blank_values=True, errors="surrogateescape").items()
    return {name: values if len(values) > 1 else values[0] for name, values in given}


def _idempotency_key() -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is not None and not IDEMPOTENCY_KEY.fullmatch(key):
        predicate = "must be 1 to 255 visible ASCII characters without commas."
        raise Invalid("invalid", predicate, "Idempotency-Key")
    return key


def _load_json(longest: int | None) -> Any:
    if longest is not None:
        request.max_content_length = longest
    content = read_body()
    if not request.is_json and (content or request.mimetype):
        raise UnsupportedMediaType
    pictures = sum(found.end() - found.start() for found in PICTURE.finditer(content))
    if len(content) - pictures > current_app.config["MAX_CONTENT_LENGTH"]:
        raise RequestEntityTooLarge
    try:
        return parse_json(content.decode())
    except ValueError as error:
        raise Invalid("malformed", "must be JSON (RFC 8259): an object in UTF-8.") from error


def read_body() -> bytes:
    """Read the whole of the request's body.

    :raises RequestEntityTooLarge: when it is longer than `request.max_content_length`.
    :raises SessionEnded: when it is large and the caller's session has ended.
    :raises TooManyRequests, ServiceUnavailable: when too many large ones are held already.
    """
    environ = request.environ
    if _may_be_large():
        require_active_session()
        turn = large_bodies.acquire(*client_keys())
        after_this_request(partial(_release, turn))
    try:
        content = request.get_data(cache=False)
        # Werkzeug cuts a chunked body off at the limit and leaves the rest unread.
        if environ.get("wsgi.input_terminated") and environ["wsgi.input"].read(1):
            raise RequestEntityTooLarge
    except (ClientDisconnected, OSError) as error:
        raise ValidationError(CUT) from error
    # gunicorn accepts a truncated body when the client disconnects.
    if request.content_length not in (None, len(content)):
        raise ValidationError(CUT)
    return content


def _may_be_large() -> bool:
    usual: int = current_app.config["MAX_CONTENT_LENGTH"]
    most, length = request.max_content_length or 0, request.content_length
    is_of_unknown_length = bool(request.environ.get("wsgi.input_terminated"))
    return most > usual and (is_of_unknown_length if length is None else usual < length <= most)


def _release(turn: Turn, response: Response) -> Response:
    large_bodies.release(turn)
    return response
