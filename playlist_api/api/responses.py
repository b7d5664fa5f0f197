"""From what a view returns to the HTTP response, with ETags and conditional requests."""

from collections.abc import Callable, Iterable
from functools import wraps
from hashlib import sha256
from http import HTTPStatus
from typing import Any

from flask import Response, request
from marshmallow import Schema

from playlist_api.api.json import to_json
from playlist_api.api.operations import ResponseSpec, T, View, operation_of
from playlist_api.errors import ApiError, PreconditionFailed

SAFE_METHODS = frozenset({"GET", "HEAD"})


def response(
    schema: Schema | None,
    status: HTTPStatus = HTTPStatus.OK,
    *,
    etag: bool = False,
    headers: tuple[str, ...] = (),
    also: tuple[str, ...] = (),
) -> Callable[[Callable[..., Any]], Callable[..., Response]]:
    """Send what the view returns, dumped by the schema; without a schema, send no body.

    The view may also return a pair of a result and headers, or a whole `Response`. With `etag`,
    reads are conditional (RFC 9110, section 13), and a failed condition raises PreconditionFailed.
    The OpenAPI document lists `headers` and, in `also`, media types besides JSON.
    """

    def decorate(view: Callable[..., Any]) -> Callable[..., Response]:
        noted = (*headers, "ETag") if etag else headers
        operation_of(view).answers[status] = ResponseSpec(schema, noted, also)

        @wraps(view)
        def answered(*args: Any, **kwargs: Any) -> Response:
            result = view(*args, **kwargs)
            if isinstance(result, Response):
                return result
            result, more = result if isinstance(result, tuple) else (result, {})
            content = _represent(schema, result) if schema else b""
            response = Response(content, status, more, mimetype="application/json")
            return _tagged(response, content) if etag else response

        return answered

    return decorate


def attachment(name: str, media_type: str, content: Iterable[bytes]) -> Response:
    """Send a file for saving, produced while it is sent."""
    response = Response(content, mimetype=media_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def other_responses(*errors: type[ApiError]) -> Callable[[View], View]:
    """Document the errors that the view's service can raise."""

    def decorate(view: View) -> View:
        operation_of(view).failures |= {error.status for error in errors}
        return view

    return decorate


def preconditions(schema: Schema) -> Callable[[Callable[..., T]], Callable[..., T]]:
    """Pass the view a check of `If-Match` and `If-None-Match`, which raises PreconditionFailed.

    The service calls it with the locked row that it is about to change; the schema is that of the
    row's representation.
    """

    def check(row: Any) -> None:
        if "If-Match" in request.headers or "If-None-Match" in request.headers:
            etag = _etag(_represent(schema, row))
            _check_if_match(etag)
            if request.if_none_match.contains_weak(etag):
                raise PreconditionFailed

    def decorate(view: Callable[..., T]) -> Callable[..., T]:
        operation = operation_of(view)
        operation.headers += ["If-Match", "If-None-Match"]
        operation.failures.add(PreconditionFailed.status)

        @wraps(view)
        def conditional(*args: Any, **kwargs: Any) -> T:
            return view(*args, check, **kwargs)

        return conditional

    return decorate


def _represent(schema: Schema, result: Any) -> bytes:
    return to_json(result if isinstance(result, dict) else schema.dump(result))


def _etag(representation: bytes) -> str:
    return sha256(representation).hexdigest()[:32]


def _tagged(response: Response, representation: bytes) -> Response:
    etag = _etag(representation)
    response.headers["ETag"] = f'"{etag}"'
    if request.method in SAFE_METHODS:
        _check_if_match(etag)
        if "If-None-Match" in request.headers and request.if_none_match.contains_weak(etag):
            response.status_code = HTTPStatus.NOT_MODIFIED
            response.set_data(b"")
    return response


def _check_if_match(etag: str) -> None:
    # A malformed `If-Match` matches nothing: in doubt its sender wants no change.
    if "If-Match" in request.headers and etag not in request.if_match:
        raise PreconditionFailed
