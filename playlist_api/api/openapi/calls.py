"""From a route and what its view notes to OpenAPI's operation."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from inspect import cleandoc
from typing import Any

from flask import Flask
from marshmallow import Schema
from werkzeug.routing import Rule

from playlist_api.api.openapi.components import ALWAYS
from playlist_api.api.openapi.json_schema import UUID_LENGTH, example_of
from playlist_api.api.operations import Operation, ResponseSpec, operation_of
from playlist_api.db.models import MAX_ID
from playlist_api.errors import code_of
from playlist_api.transfer.schemas import list_schema

PATH_PARAMETERS: dict[str, dict[str, Any]] = {
    "movie_id": {
        "schema": {"type": "integer", "format": "int64", "minimum": 0, "maximum": MAX_ID},
        "example": 42,
    },
    "session_id": {
        "schema": {"type": "string", "format": "uuid", "maxLength": UUID_LENGTH},
        "example": "b3d1f2a6-6c0e-4a5b-8d57-90f1c2e3a4b5",
    },
}

CSV = "title,year\r\nHeat,1995\r\n"


@dataclass(frozen=True)
class Call:
    """One method of one route."""

    rule: Rule
    method: str
    view: Callable[..., Any]

    @property
    def operation(self) -> Operation:
        """What the view's decorators noted."""
        return operation_of(self.view)

    @property
    def tag(self) -> str:
        """The name of the view's blueprint."""
        endpoint: str = self.rule.endpoint
        return endpoint.partition(".")[0]

    @property
    def path(self) -> str:
        """The route with its parameters as OpenAPI writes them."""
        return re.sub(r"<(?:\w+:)?(\w+)>", lambda found: f"{{{_public(found[1])}}}", self.rule.rule)

    @cached_property
    def id(self) -> str:
        """The view's name in camelCase, and the method where the view serves several."""
        first, *others = self.view.__name__.split("_")
        name = first + "".join(word.capitalize() for word in others)
        return name if len(_methods(self.rule)) == 1 else f"{name}By{self.method.capitalize()}"

    @property
    def is_conditional_read(self) -> bool:
        """Whether it is a read whose answer has an ETag."""
        answers = self.operation.answers.values()
        return self.method == "GET" and any("ETag" in response.headers for response in answers)


def calls(app: Flask) -> Iterator[Call]:
    """Find the calls of an application whose views note anything."""
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        if hasattr(view, "operation"):
            for method in _methods(rule):
                yield Call(rule, method, view)


def describe(call: Call) -> dict[str, Any]:
    """Describe a call."""
    summary, _, description = cleandoc(call.view.__doc__ or "").partition("\n\n")
    operation = call.operation
    described: dict[str, Any] = {
        "operationId": call.id,
        "tags": [call.tag],
        "summary": summary.removesuffix("."),
        "parameters": list(_parameters(call)),
        "responses": _responses(call),
    }
    if description:
        described["description"] = description
    schemes: list[dict[str, list[str]]] = [{name: []} for name in operation.security]
    # Without any, the empty list says that the call is public.
    described["security"] = [*schemes, {}] if schemes and operation.anonymous else schemes
    if operation.body:
        content = {"schema": operation.body, "example": example_of(operation.body)}
        described["requestBody"] = {"required": True, "content": {"application/json": content}}
    if operation.upload:
        described["requestBody"] = {"required": True, "content": _files(operation.upload)}
    return described


def _files(part: Schema) -> dict[str, Any]:
    # What is in a file no schema tells; the examples are those that can be tried.
    return {
        "multipart/form-data": {"schema": part, "example": {"file": CSV}},
        "text/csv": {"schema": {"type": "string"}, "example": CSV},
        "application/json": {"schema": {}, "example": example_of(list_schema)},
    }


def _methods(rule: Rule) -> list[str]:
    # PUT before PATCH; those that Flask adds go without saying.
    return sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}, reverse=True)


def _parameters(call: Call) -> Iterator[Any]:
    for name in sorted(call.rule.arguments):
        yield {"name": _public(name), "in": "path", "required": True, **PATH_PARAMETERS[name]}
    if call.operation.query:
        yield {"in": "query", "schema": call.operation.query}
    yield from call.operation.headers
    if call.is_conditional_read:
        yield from ("If-None-Match", "If-Match")
    yield "X-Request-ID"


def _responses(call: Call) -> dict[str, Any]:
    responses: dict[int, Any] = {status: code_of(status) for status in call.operation.failures}
    if call.is_conditional_read:
        headers = {name: name for name in (*ALWAYS, "ETag")}
        responses[304] = {"description": "The client has it already.", "headers": headers}
        responses[412] = code_of(412)
    for status, response in call.operation.answers.items():
        responses[status] = _success(response)
    return {str(status): responses[status] for status in sorted(responses)}


def _success(response: ResponseSpec) -> dict[str, Any]:
    headers = {name: name for name in (*ALWAYS, *response.headers)}
    if response.schema is None:
        return {"description": "Done; there is no body.", "headers": headers}
    content = {"schema": response.schema, "example": example_of(response.schema)}
    others = {also: {"schema": {"type": "string"}, "example": CSV} for also in response.also}
    return {
        "description": cleandoc(type(response.schema).__doc__ or ""),
        "headers": headers,
        "content": {"application/json": content, **others},
    }


def _public(argument: str) -> str:
    # `movie_id` to the code that has other ids as well, and `id` to clients.
    return argument.rpartition("_")[2]
