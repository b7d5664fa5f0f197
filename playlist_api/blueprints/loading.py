"""From what the client sent to what a service takes."""

import json
from typing import Any, NoReturn

from flask import request
from gunicorn.http.errors import ParseException
from marshmallow import Schema, ValidationError
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from playlist_api.models import USER_AGENT_LENGTH
from playlist_api.schemas.fields import CONTROL_OR_SURROGATE

NOT_JSON = "Must be JSON (RFC 8259): an object in UTF-8."


def load_body(schema: Schema) -> Any:
    """Load the request's JSON object.

    :raises UnsupportedMediaType: when the body says that it is something else.
    :raises RequestEntityTooLarge: when it is longer than `MAX_CONTENT_LENGTH`.
    :raises ValidationError: when it is no JSON, or not what the schema asks for.
    """
    body = _read_body()
    if not request.is_json and (body or request.mimetype):
        raise UnsupportedMediaType("The body must be JSON, with Content-Type: application/json.")
    return schema.load(_parse_json(body))


def load_query(schema: Schema) -> Any:
    """Load the query string's parameters; one that is given twice becomes a list.

    :raises ValidationError: when they are not what the schema asks for.
    """
    given = request.args.to_dict(flat=False).items()
    return schema.load({name: values if len(values) > 1 else values[0] for name, values in given})


def user_agent() -> str:
    """Return what the client says it is, as one line of clean text that fits its column."""
    told = request.headers.get("User-Agent", "")
    return CONTROL_OR_SURROGATE.sub("", told)[:USER_AGENT_LENGTH]


def _read_body() -> bytes:
    environ = request.environ
    try:
        body = request.get_data(cache=False)
        # Werkzeug cuts a chunked body off at the limit and leaves the rest unread.
        if environ.get("wsgi.input_terminated") and environ["wsgi.input"].read(1):
            raise RequestEntityTooLarge
    except (ParseException, OSError) as error:
        raise ValidationError("Must arrive whole and well-formed.") from error
    return body


def _parse_json(body: bytes) -> Any:
    try:
        # Decoded first, for `json` would guess at UTF-16 and UTF-32 too.
        return json.loads(body.decode(), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise ValidationError(NOT_JSON) from error


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"JSON has no {constant}.")
