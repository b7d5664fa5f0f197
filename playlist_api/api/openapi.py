"""The OpenAPI document, made from the routes, the schemas and the notes of the decorators."""

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
from playlist_api.api.arguments import IDEMPOTENCY_KEY
from playlist_api.api.identity import REFRESH_COOKIE
from playlist_api.api.operations import ACCESS_TOKEN, REFRESH_TOKEN, Operation
from playlist_api.api.schemas import error_schema
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

SERVER = {"url": ".", "description": "This server, in production or local", "x-internal": False}

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

SECONDS = {"type": "integer", "format": "int32", "minimum": 1, "maximum": 2**31 - 1}
UUID_SCHEMA = {"type": "string", "format": "uuid", "maxLength": 36}

ARGUMENT = re.compile(r"<(?:(\w+):)?(\w+)>")
"""An argument of a route: its converter and its name, of which the document has the last word."""

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
        {"minLength": 1, "maxLength": 255, "pattern": f"^{IDEMPOTENCY_KEY.pattern}$"},
    ),
}
RESPONSE_HEADERS: dict[str, tuple[str, dict[str, Any]]] = {
    "X-Request-ID": ("The request's id, which is also in the log.", {}),
    "Cache-Control": ("Caches must not store the answer.", {"const": "no-store"}),
    "ETag": ("Names this version.", {"pattern": '^"[0-9a-f]{32}"$', "maxLength": 34}),
    "Link": ("The next and the previous page, if there are any (RFC 8288).", {}),
    "Location": ("Where the new movie is.", {"format": "uri-reference"}),
    "Set-Cookie": ("Sets or clears the refresh token.", {}),
    "Content-Disposition": ("Makes browsers save the answer as a file.", {}),
    "WWW-Authenticate": ("The scheme to authenticate with.", {"const": "Bearer"}),
    "Retry-After": ("Seconds to wait before trying again.", SECONDS),
    "Allow": ("The methods of this address.", {}),
    "Access-Control-Allow-Origin": ("The front end's origin, if the request has it.", {}),
}
"""Of each header: its description, and its schema besides `type: string`."""

ON_EVERY_RESPONSE = ("X-Request-ID", "Cache-Control", "Access-Control-Allow-Origin")
OPTIONAL = {"Access-Control-Allow-Origin", "Link", "Retry-After", "Set-Cookie"}
"""The headers that a response may lack even where it lists them."""

ERROR_HEADERS = {401: ["WWW-Authenticate"], 405: ["Allow"]}
ERROR_HEADERS |= {status: ["Retry-After"] for status in (409, 429, 502, 503)}


class Converter(OpenAPIConverter):
    """Describes fields by their own `json_schema`, too."""

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


def build_document(app: Flask) -> dict[str, Any]:
    """Make the OpenAPI 3.1 document of the routes that the application has."""
    # `MovieSchema` is named `Movie` in the document.
    plugin = MarshmallowPlugin(lambda schema: type(schema).__name__.removesuffix("Schema"))
    plugin.Converter = Converter
    spec = APISpec(
        title="Playlist API",
        version=__version__,
        openapi_version="3.1.0",
        info={"description": DESCRIPTION, "license": {"name": "MIT", "identifier": "MIT"}},
        servers=[SERVER],
        plugins=[plugin],
    )
    _add_components(spec)
    views = {name: v for name, v in app.view_functions.items() if hasattr(v, "operation")}
    for tag in dict.fromkeys(endpoint.partition(".")[0] for endpoint in views):
        module = sys.modules[app.blueprints[tag].import_name]
        spec.tag({"name": tag, "description": module.__doc__})
    for rule in app.url_map.iter_rules():
        if view := views.get(rule.endpoint):
            path = ARGUMENT.sub(lambda found: f"{{{_parameter_name(found[2])}}}", rule.rule)
            methods = _methods(rule)
            operations = {method.lower(): _operation(rule, method, view) for method in methods}
            spec.path(path, operations=operations)
    return spec.to_dict()


def _add_components(spec: APISpec) -> None:
    for name, scheme in SECURITY_SCHEMES.items():
        spec.components.security_scheme(name, scheme)
    for name, (description, schema) in REQUEST_HEADERS.items():
        header = {"description": description, "schema": {"type": "string", **schema}}
        spec.components.parameter(name, "header", {"name": name, **header})
    for name, (description, schema) in RESPONSE_HEADERS.items():
        header = {"description": description, "schema": {"type": "string", **schema}}
        spec.components.header(name, {"required": name not in OPTIONAL, **header})
    spec.components.schema("Error", schema=error_schema)
    for status in STATUSES:
        spec.components.response(code_of(status), _error_answer(status))


def _error_answer(status: int) -> dict[str, Any]:
    properties: dict[str, Any] = {"code": {"const": code_of(status)}}
    if status == 400:
        rows = {"type": "array", "items": {"$ref": "#/components/schemas/Problem"}}
        properties["details"] = rows
    error = {"properties": properties, "required": list(properties)}
    this_error = {"properties": {"error": error}, "required": ["error"]}
    schema = {"allOf": [{"$ref": "#/components/schemas/Error"}, this_error]}
    return {
        "description": MESSAGES.get(status) or HTTPStatus(status).description,
        "headers": _headers(*ERROR_HEADERS.get(status, ())),
        "content": {"application/json": {"schema": schema}},
    }


def _headers(*names: str) -> dict[str, str]:
    return {name: name for name in (*ON_EVERY_RESPONSE, *names)}


def _methods(rule: Rule) -> list[str]:
    # PUT before PATCH.
    return sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}, reverse=True)


def _operation(rule: Rule, method: str, view: Any) -> dict[str, Any]:
    summary, _, description = cleandoc(view.__doc__).partition("\n\n")
    operation: Operation = view.operation
    first, *words = view.__name__.split("_")
    name = first + "".join(map(str.capitalize, words))
    is_conditional_read = method == "GET" and "ETag" in operation.answers[200].headers
    return {
        "operationId": name if len(_methods(rule)) == 1 else f"{name}By{method.capitalize()}",
        "tags": [rule.endpoint.partition(".")[0]],
        "summary": summary.removesuffix("."),
        **({"description": description} if description else {}),
        "parameters": list(_request_parameters(rule, operation, is_conditional_read)),
        **_request_body(operation),
        "responses": _responses(operation, is_conditional_read),
        "security": operation.security,
    }


def _parameter_name(argument: str) -> str:
    return argument.rpartition("_")[2]


def _request_parameters(
    rule: Rule, operation: Operation, is_conditional_read: bool
) -> Iterator[Any]:
    for converter, argument in ARGUMENT.findall(rule.rule):
        name = _parameter_name(argument)
        yield {"name": name, "in": "path", "required": True, **PATH_PARAMETERS[converter]}
    if operation.query:
        yield {"in": "query", "schema": operation.query}
    yield from operation.headers
    if is_conditional_read:
        yield from ("If-None-Match", "If-Match")
    yield "X-Request-ID"


def _request_body(operation: Operation) -> dict[str, Any]:
    schema = operation.upload or operation.body
    if schema is None:
        return {}
    example: dict[str, Any] = getattr(schema, "example", {})
    content = {"application/json": {"schema": schema, "example": example}}
    if operation.upload:
        content = {
            "multipart/form-data": {"schema": schema, "example": example},
            "text/csv": {"schema": {"type": "string"}, "example": example["file"]},
            "application/json": {"schema": {}},
        }
    return {"requestBody": {"required": True, "content": content}}


def _responses(operation: Operation, is_conditional_read: bool) -> dict[str, Any]:
    responses: dict[int, Any] = {status: code_of(status) for status in operation.failures}
    if is_conditional_read:
        responses[304] = {"description": "Not modified.", "headers": _headers("ETag")}
        responses[412] = code_of(412)
    for status, response in operation.answers.items():
        headers = _headers(*response.headers)
        responses[status] = {"description": "Done; there is no body.", "headers": headers}
        if response.schema:
            responses[status]["description"] = cleandoc(type(response.schema).__doc__ or "")
            text = {media_type: {"schema": {"type": "string"}} for media_type in response.also}
            responses[status]["content"] = {"application/json": {"schema": response.schema}, **text}
    return {str(status): responses[status] for status in sorted(responses)}
