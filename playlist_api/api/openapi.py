"""The OpenAPI document, made from the routes, the schemas and what decorators note of the views."""

import re
import sys
from collections.abc import Iterator
from http import HTTPStatus
from inspect import cleandoc
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from flask import Flask
from marshmallow import Schema, fields
from werkzeug.routing import Rule

from playlist_api import __version__
from playlist_api.api.operations import ACCESS_TOKEN, REFRESH_TOKEN, Operation, ResponseSpec
from playlist_api.api.schemas import error_schema
from playlist_api.api.tokens import REFRESH_COOKIE
from playlist_api.db.models import MAX_ID
from playlist_api.errors import MESSAGES, STATUSES, code_of

DESCRIPTION = """\
Sign up or log in for an access token, and send it as `Authorization: Bearer …`. It lives 15
minutes; the refresh token in the cookie, 7 days, gets a new one. JSON is camelCase in UTF-8, times
are ISO 8601 in UTC, and unknown fields are ignored. Spaces around names, e-mails and titles are
removed before lengths and patterns are checked.

Every answer of 400 and above has the body of `Error`. Besides those that each call names, any
address may answer 400 (malformed HTTP), 404 (no such address), 405 (no such method), 408 (the body
took too long to arrive), 414 (address too long), 417 (unknown `Expect`), 431 (headers too large) or
501 (unknown transfer coding). `GET` calls answer `HEAD` as well, and every address answers
`OPTIONS`.
"""

SERVER = {
    "url": ".",
    "description": "Where this document is, in production as on a local machine",
    "x-internal": False,
}

SECURITY_SCHEMES = {
    ACCESS_TOKEN: {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The `accessToken` of signing up, logging in or refreshing: a JWT (RFC8725)"
        " that lives 15 minutes.",
    },
    REFRESH_TOKEN: {
        "type": "apiKey",
        "in": "cookie",
        "name": REFRESH_COOKIE,
        "description": "Set by signing up, logging in and refreshing: 7 days, for `/auth` only.",
    },
}

UUID_SCHEMA = {"type": "string", "format": "uuid", "maxLength": 36}

PATH_PARAMETERS: dict[str, dict[str, Any]] = {
    "movie_id": {
        "schema": {"type": "integer", "format": "int64", "minimum": 0, "maximum": MAX_ID},
        "example": 42,
    },
    "uuid": {"schema": UUID_SCHEMA, "example": "b3d1f2a6-6c0e-4a5b-8d57-90f1c2e3a4b5"},
}
"""The parameters of routes, by Werkzeug's converter."""

REQUEST_HEADERS: dict[str, tuple[str, dict[str, Any]]] = {
    "X-Request-ID": (
        "Up to 64 letters, digits, `.`, `_` or `-` that name the request in the log; "
        "any other value is replaced.",
        {},
    ),
    "If-Match": ("An `ETag`: fail with 412 if it is no longer the current one.", {}),
    "If-None-Match": (
        "An `ETag`: if it is still the current one, answer a read with 304 and fail a change"
        " with 412.",
        {},
    ),
    "Idempotency-Key": (
        "A new UUID for each movie; send the same one when you repeat the call.",
        {"minLength": 1, "maxLength": 255, "pattern": r"^[!-+\--~]{1,255}$"},
    ),
}
RESPONSE_HEADERS: dict[str, tuple[str, dict[str, Any]]] = {
    "X-Request-ID": ("The request's id, which is also in the log.", {}),
    "Cache-Control": ("Caches must not store the answer.", {"const": "no-store"}),
    "ETag": (
        "Names this version of the resource.",
        {"pattern": '^"[0-9a-f]{32}"$', "maxLength": 34},
    ),
    "Link": ("The next and the previous page, if there are any (RFC 8288).", {}),
    "Location": ("Where the new movie is.", {"format": "uri-reference"}),
    "Set-Cookie": ("Sets or clears the refresh token.", {}),
    "Content-Disposition": ("Makes browsers save the answer as a file.", {}),
    "WWW-Authenticate": ("The scheme to authenticate with.", {"const": "Bearer"}),
    "Retry-After": (
        "Seconds to wait before trying again.",
        {"type": "integer", "format": "int32", "minimum": 1, "maximum": 2**31 - 1},
    ),
    "Allow": ("The methods of this address.", {}),
    "Access-Control-Allow-Origin": ("The front end's origin, if the request has it.", {}),
}
"""Of each header: its description, and its schema besides `type: string`."""

ON_EVERY_RESPONSE = ("X-Request-ID", "Cache-Control", "Access-Control-Allow-Origin")
OPTIONAL = {"Access-Control-Allow-Origin", "Link", "Retry-After", "Set-Cookie"}
"""The headers that a response may lack even where it lists them."""

ERROR_HEADERS = {401: "WWW-Authenticate", 405: "Allow"} | dict.fromkeys(
    (409, 429, 502, 503), "Retry-After"
)


class Converter(OpenAPIConverter):
    """Reads what the fields of this service say of themselves in `json_schema`."""

    def schema2jsonschema(self, schema: Schema) -> dict[str, Any]:
        """Add the schema's docstring as its description."""
        converted = super().schema2jsonschema(schema)  # type: ignore[no-untyped-call]
        return {"description": type(schema).__doc__, **converted}

    def field2type_and_format(self, field: fields.Field[Any], **kwargs: Any) -> dict[str, Any]:
        """Add the field's own `json_schema`."""
        of_uuid = UUID_SCHEMA if isinstance(field, fields.UUID) else {}
        own = getattr(field, "json_schema", of_uuid)
        return {**super().field2type_and_format(field, **kwargs), **own}

    def field2default(self, field: fields.Field[Any], **kwargs: Any) -> dict[str, Any]:
        """Leave out a default of null."""
        return {} if field.load_default is None else super().field2default(field, **kwargs)

    def field2pattern(self, field: fields.Field[Any], **kwargs: Any) -> dict[str, Any]:
        r"""Anchor the pattern as JavaScript does: it has no `\Z`."""
        found = super().field2pattern(field, **kwargs)
        return {name: "^" + value.removesuffix(r"\Z") + "$" for name, value in found.items()}


class Plugin(MarshmallowPlugin):
    """Converts the schemas; `MovieSchema` is named `Movie` in the document."""

    Converter = Converter

    def __init__(self) -> None:
        super().__init__(lambda schema: type(schema).__name__.removesuffix("Schema"))


def build_document(app: Flask) -> dict[str, Any]:
    """Make the OpenAPI 3.1 document of the routes that the application has."""
    spec = APISpec(
        title="Playlist API",
        version=__version__,
        openapi_version="3.1.0",
        info={"description": DESCRIPTION, "license": {"name": "MIT", "identifier": "MIT"}},
        servers=[SERVER],
        plugins=[Plugin()],
    )
    _add_components(spec)
    tags = set()
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        if not hasattr(view, "operation"):
            continue
        tag = rule.endpoint.partition(".")[0]
        if tag not in tags:
            tags.add(tag)
            module = sys.modules[app.blueprints[tag].import_name]
            spec.tag({"name": tag, "description": module.__doc__})
        operations = {method.lower(): _describe(rule, method, view) for method in _methods(rule)}
        spec.path(re.sub(r"<(\w+:)?(\w+_)?(\w+)>", r"{\3}", rule.rule), operations=operations)
    return spec.to_dict()


def _add_components(spec: APISpec) -> None:
    for name, scheme in SECURITY_SCHEMES.items():
        spec.components.security_scheme(name, scheme)
    for name, (description, schema) in REQUEST_HEADERS.items():
        parameter = {"name": name, "description": description, "schema": _string(schema)}
        spec.components.parameter(name, "header", parameter)
    for name, (description, schema) in RESPONSE_HEADERS.items():
        required = name not in OPTIONAL
        header = {"description": description, "required": required, "schema": _string(schema)}
        spec.components.header(name, header)
    spec.components.schema("Error", schema=error_schema)
    for status in STATUSES:
        spec.components.response(code_of(status), _error_response(status))


def _string(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "string", **schema}


def _error_response(status: int) -> dict[str, Any]:
    error: dict[str, Any] = {"properties": {"code": {"const": code_of(status)}}}
    if status == 400:
        rows = {"type": "array", "items": {"$ref": "#/components/schemas/Problem"}}
        error["properties"]["details"] = rows
    error["required"] = list(error["properties"])
    this_error = {"properties": {"error": error}, "required": ["error"]}
    schema = {"allOf": [{"$ref": "#/components/schemas/Error"}, this_error]}
    return {
        "description": MESSAGES.get(status) or HTTPStatus(status).description,
        "headers": _headers(*filter(None, [ERROR_HEADERS.get(status)])),
        "content": {"application/json": {"schema": schema}},
    }


def _headers(*names: str) -> dict[str, str]:
    return {name: name for name in (*ON_EVERY_RESPONSE, *names)}


def _methods(rule: Rule) -> list[str]:
    # PUT before PATCH.
    return sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}, reverse=True)


def _describe(rule: Rule, method: str, view: Any) -> dict[str, Any]:
    summary, _, description = cleandoc(view.__doc__).partition("\n\n")
    operation: Operation = view.operation
    first, *words = view.__name__.split("_")
    name = first + "".join(map(str.capitalize, words))
    is_conditional_read = method == "GET" and "ETag" in operation.answers[200].headers
    described: dict[str, Any] = {
        "operationId": name if len(_methods(rule)) == 1 else f"{name}By{method.capitalize()}",
        "tags": [rule.endpoint.partition(".")[0]],
        "summary": summary.removesuffix("."),
        "parameters": list(_parameters(rule, operation, is_conditional_read)),
        "responses": _responses(operation, is_conditional_read),
        # An empty list says that the call is public, and `{}` that authentication is optional.
        "security": [{name: []} for name in operation.security],
    }
    if operation.security and operation.anonymous:
        described["security"].append({})
    if description:
        described["description"] = description
    if content := _request_body(operation):
        described["requestBody"] = {"required": True, "content": content}
    return described


def _parameters(rule: Rule, operation: Operation, is_conditional_read: bool) -> Iterator[Any]:
    for converter, name in re.findall(r"<(\w+):(?:\w+_)?(\w+)>", rule.rule):
        yield {"name": name, "in": "path", "required": True, **PATH_PARAMETERS[converter]}
    if operation.query:
        yield {"in": "query", "schema": operation.query}
    yield from operation.headers
    if is_conditional_read:
        yield from ("If-None-Match", "If-Match")
    yield "X-Request-ID"


def _request_body(operation: Operation) -> dict[str, Any]:
    if schema := operation.upload:
        example: dict[str, str] = getattr(schema, "example", {})
        return {
            "multipart/form-data": {"schema": schema, "example": example},
            "text/csv": {"schema": {"type": "string"}, "example": example["file"]},
            "application/json": {"schema": {}},
        }
    schema = operation.body
    content = {"schema": schema, "example": getattr(schema, "example", {})}
    return {"application/json": content} if schema else {}


def _responses(operation: Operation, is_conditional_read: bool) -> dict[str, Any]:
    responses: dict[int, Any] = {status: code_of(status) for status in operation.failures}
    if is_conditional_read:
        responses[304] = {"description": "Not modified.", "headers": _headers("ETag")}
        responses[412] = code_of(412)
    for status, response in operation.answers.items():
        responses[status] = _success(response)
    return {str(status): responses[status] for status in sorted(responses)}


def _success(response: ResponseSpec) -> dict[str, Any]:
    headers = _headers(*response.headers)
    if response.schema is None:
        return {"description": "Done; there is no body.", "headers": headers}
    return {
        "description": cleandoc(type(response.schema).__doc__ or ""),
        "headers": headers,
        "content": {
            "application/json": {"schema": response.schema},
            **{media_type: {"schema": {"type": "string"}} for media_type in response.also},
        },
    }
