"""The document as a whole: each route's operations, and the components that they refer to."""

import re
import sys
from collections.abc import Iterator
from inspect import cleandoc
from typing import Any

from apispec import APISpec
from flask import Flask
from werkzeug.routing import Rule

from playlist_api import __version__
from playlist_api.errors import STATUSES, code_of
from playlist_api.openapi.components import (
    ALWAYS,
    ANSWER_HEADERS,
    REQUEST_HEADERS,
    SECURITY_SCHEMES,
    answer_header,
    failure,
    request_header,
)
from playlist_api.openapi.json_schema import Plugin, example_of
from playlist_api.operations import Answer, Operation
from playlist_api.schemas.answers import MovieAnswer, SessionListAnswer, error_answer

DESCRIPTION = """\
Sign up or log in for an access token, and send it as `Authorization: Bearer …`. It lives 15
minutes; the refresh token in the cookie, 7 days, gets a new one. JSON is camelCase in UTF-8, times
are ISO 8601 in UTC, and fields that a call does not know are ignored.

Every answer of 400 and above has the body of `Error`. Besides those that each call names, any
address may answer 400 (no proper HTTP), 404 (no such address), 405 (no such method), 414 (address
too long), 431 (headers too large) or 501 (a transfer coding that there is not). `GET` calls answer
`HEAD` as well, and every address answers `OPTIONS`.
"""

PATH_PARAMETERS: dict[str, dict[str, Any]] = {
    "movie_id": {"schema": {"type": "integer", "minimum": 0}, "example": 42},
    "session_id": {
        "schema": {"type": "string", "format": "uuid"},
        "example": "b3d1f2a6-6c0e-4a5b-8d57-90f1c2e3a4b5",
    },
}

LINKED: dict[type, tuple[str, str]] = {
    MovieAnswer: ("movie_id", "$response.body#/id"),
    SessionListAnswer: ("session_id", "$response.body#/items/0/id"),
}
"""For an answer's schema, the path parameter that it has a value for, and where."""


def build_document(app: Flask) -> dict[str, Any]:
    """Make the OpenAPI 3.1 document of the routes that the application has."""
    spec = APISpec(
        title="Playlist API",
        version=__version__,
        openapi_version="3.1.0",
        info={"description": DESCRIPTION},
        servers=[{"url": "/", "description": "Where this document is"}],
        plugins=[Plugin()],
    )
    _add_components(spec)
    operations = list(_operations(app))
    for blueprint in app.blueprints.values():
        if any(rule.endpoint.startswith(f"{blueprint.name}.") for rule, *_ in operations):
            about = sys.modules[blueprint.import_name].__doc__
            spec.tag({"name": blueprint.name, "description": about})
    for rule, method, operation in operations:
        spec.path(
            _path(rule), operations={method.lower(): _described(app, rule, method, operation)}
        )
    return spec.to_dict()


def _operations(app: Flask) -> Iterator[tuple[Rule, str, Operation]]:
    for rule in app.url_map.iter_rules():
        operation = getattr(app.view_functions[rule.endpoint], "operation", None)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}, reverse=True):
            if operation is not None:
                yield rule, method, operation


def _add_components(spec: APISpec) -> None:
    for name, scheme in SECURITY_SCHEMES.items():
        spec.components.security_scheme(name, scheme)
    for name in REQUEST_HEADERS:
        spec.components.parameter(name, "header", {"name": name, **request_header(name)})
    for name in ANSWER_HEADERS:
        spec.components.header(name, answer_header(name))
    spec.components.schema("Error", schema=error_answer)
    for status in STATUSES:
        spec.components.response(code_of(status), failure(status))


def _described(app: Flask, rule: Rule, method: str, operation: Operation) -> dict[str, Any]:
    view = app.view_functions[rule.endpoint]
    summary, _, description = cleandoc(view.__doc__ or "").partition("\n\n")
    described: dict[str, Any] = {
        "operationId": _operation_id(app, rule, method),
        "tags": [rule.endpoint.partition(".")[0]],
        "summary": summary.removesuffix("."),
        "parameters": list(_parameters(rule, method, operation)),
        "responses": _responses(app, rule, method, operation),
    }
    if description:
        described["description"] = description
    if operation.security:
        schemes: list[dict[str, list[str]]] = [{name: []} for name in operation.security]
        described["security"] = [*schemes, {}] if operation.anonymous else schemes
    if operation.body:
        content = {"schema": operation.body, "example": example_of(operation.body)}
        described["requestBody"] = {"required": True, "content": {"application/json": content}}
    return described


def _operation_id(app: Flask, rule: Rule, method: str) -> str:
    first, *others = app.view_functions[rule.endpoint].__name__.split("_")
    name = first + "".join(word.capitalize() for word in others)
    alone = len((rule.methods or set()) - {"HEAD", "OPTIONS"}) == 1
    return name if alone else f"{name}By{method.capitalize()}"


def _parameters(rule: Rule, method: str, operation: Operation) -> Iterator[Any]:
    for name in sorted(rule.arguments):
        yield {"name": _public(name), "in": "path", "required": True, **PATH_PARAMETERS[name]}
    if operation.query:
        yield {"in": "query", "schema": operation.query}
    yield from operation.headers
    if _is_conditional_read(method, operation):
        yield from ("If-None-Match", "If-Match")
    yield "X-Request-ID"


def _responses(app: Flask, rule: Rule, method: str, operation: Operation) -> dict[str, Any]:
    responses: dict[int, Any] = {status: code_of(status) for status in operation.failures}
    if _is_conditional_read(method, operation):
        headers = {name: name for name in (*ALWAYS, "ETag")}
        responses[304] = {"description": "The client has it already.", "headers": headers}
        responses[412] = code_of(412)
    for status, answer in operation.answers.items():
        responses[status] = _success(answer)
        if links := _links(app, rule, answer):
            responses[status]["links"] = links
    return {str(status): responses[status] for status in sorted(responses)}


def _success(answer: Answer) -> dict[str, Any]:
    headers = {name: name for name in (*ALWAYS, *answer.headers)}
    if answer.schema is None:
        return {"description": "Done; there is no body.", "headers": headers}
    content = {"schema": answer.schema, "example": example_of(answer.schema)}
    return {
        "description": cleandoc(type(answer.schema).__doc__ or ""),
        "headers": headers,
        "content": {"application/json": content},
    }


def _links(app: Flask, rule: Rule, answer: Answer) -> dict[str, Any]:
    argument, value = LINKED.get(type(answer.schema), ("", ""))
    if argument in rule.arguments:
        return {}
    ids = [
        _operation_id(app, other, method)
        for other, method, _ in _operations(app)
        if argument in other.arguments
    ]
    return {id_: {"operationId": id_, "parameters": {_public(argument): value}} for id_ in ids}


def _is_conditional_read(method: str, operation: Operation) -> bool:
    return method == "GET" and any(
        "ETag" in answer.headers for answer in operation.answers.values()
    )


def _path(rule: Rule) -> str:
    return re.sub(r"<(?:\w+:)?(\w+)>", lambda found: f"{{{_public(found[1])}}}", rule.rule)


def _public(argument: str) -> str:
    # `movie_id` to the code that has other ids as well, and `id` to clients.
    return argument.rpartition("_")[2]
