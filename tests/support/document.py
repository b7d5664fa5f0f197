"""The OpenAPI document as a judge of answers: whatever tests receive must be as it says."""

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from jsonschema_rs import Draft202012Validator
from werkzeug.datastructures import Headers

from dev.defaults import with_defaults
from playlist_api.api.edge import SECURITY
from playlist_api.app import create_app
from playlist_api.errors import code_of

SETTINGS = with_defaults(
    {
        "APP_ENV": "development",
        "DATABASE_URL": "postgresql:///",
        "SECRET_KEY": "a key for tests that is long enough",
    }
)

ADDED = "/view"
"""Where tests add views of their own."""

BY_THE_SERVER = {408, 414, 417, 431, 501}
"""What the server answers itself, which the document says once for all calls."""

UNTOLD = {
    *("Connection", "Content-Length", "Content-Type", "Date", "Server", "Transfer-Encoding"),
    *("Strict-Transport-Security", "Vary", *SECURITY),
}
"""Headers of HTTP itself, and those that are the same everywhere."""


@cache
def document() -> Any:
    """The document of the routes that the service has."""
    return create_app(SETTINGS).extensions["openapi"]()


def calls() -> list[str]:
    """Name every call of the service, as the document spells it: `GET /movies/{id}`."""
    return [
        f"{method} " + re.sub(r"<(?:.*:)?(?:\w+_)?(\w+)>", r"{\1}", rule.rule)
        for rule in create_app(SETTINGS).url_map.iter_rules()
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    ]


def check(method: str, path: str, status: int, headers: Headers, body: bytes) -> None:
    """Fail when the document does not have this answer."""
    operation = _operation(method, path.partition("?")[0])
    if method == "OPTIONS" or path == ADDED or (operation is None and status < 400):
        return  # preflights, what tests add to the routes, and the page
    if operation is None or status in BY_THE_SERVER:
        response = resolved({"$ref": f"#/components/responses/{code_of(status)}"})
    else:
        assert str(status) in operation["responses"], f"{method} {path}: {status} is undocumented"
        response = resolved(operation["responses"][str(status)])
    _check_headers(response["headers"], headers)
    if method != "HEAD":
        _check_body(response.get("content", {}), headers, body)


def _operation(method: str, path: str) -> Any:
    method = "get" if method == "HEAD" else method.lower()
    # As in routing, a path that is there as it is comes before one with parameters.
    for template, operations in sorted(
        document()["paths"].items(), key=lambda path: "{" in path[0]
    ):
        if _expression(template).fullmatch(path):
            return operations.get(method)
    return None


@cache
def _expression(template: str) -> re.Pattern[str]:
    return re.compile(re.sub("{[^}]*}", "[^/]+", template))


def resolved(thing: Any) -> Any:
    """Follow a reference of the document's, if it is one."""
    while "$ref" in thing:
        steps = thing["$ref"].removeprefix("#/").split("/")
        thing = document()
        for step in steps:
            thing = thing[step]
    return thing


def _check_headers(documented: Mapping[str, Any], headers: Headers) -> None:
    required = {name for name, header in documented.items() if resolved(header)["required"]}
    given = {name.title() for name, _ in headers}
    assert not {name.title() for name in required} - given, "a documented header is missing"
    known = {name.title() for name in (*documented, *UNTOLD)}
    unknown = {name for name in given - known if not name.startswith("Access-Control-")}
    assert not unknown, f"{unknown} is undocumented"
    for name, header in documented.items():
        schema = resolved(header)["schema"]
        for value in headers.getlist(name):
            instance = int(value) if schema["type"] == "integer" else value
            _validator(json.dumps(schema)).validate(instance)


def _check_body(content: Mapping[str, Any], headers: Headers, body: bytes) -> None:
    media_type = headers.get("Content-Type", "").removesuffix("; charset=utf-8")
    assert media_type in (content or {""})
    if media_type == "application/json":
        schema = json.dumps(content[media_type]["schema"])
        _validator(schema).validate(json.loads(body))
    elif not content:
        assert body == b""


@cache
def _validator(schema: str) -> Draft202012Validator:
    whole = {**json.loads(schema), "components": document()["components"]}
    return Draft202012Validator(whole, validate_formats=True)
