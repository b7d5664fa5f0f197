"""The OpenAPI document: complete, valid, with examples that work, and the same as the kept copy."""

import json
import re
from typing import Any, cast

import pytest
from flask import Flask
from jsonschema_rs import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from playlist_api.api.fields import CLEAN, CONTROL_OR_SURROGATE, SPACES, TRIMMED
from playlist_api.api.operations import Operation
from playlist_api.errors import STATUSES, code_of
from tests.support import document
from tests.support.service import ROOT, Service, call

DOCUMENT = document.document()
FOR_OTHERS = {"GET /docs", "GET /docs/{name}", "GET /media/{name}", "GET /metrics"}
"""The page and its files, pictures, and the figures: no part of what clients call."""

OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
}


def with_components(schema: Any) -> Draft202012Validator:
    whole = {**schema, "components": DOCUMENT["components"]}
    return Draft202012Validator(whole, validate_formats=True)


EXAMPLES = {
    f"{name} {media_type}": content
    for name, operation in OPERATIONS.items()
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items()
    if "example" in content
}


def test_every_route_is_documented_and_nothing_else(app: Flask) -> None:
    routes = {
        f"{method} " + re.sub("<[^>]*?([a-z]+)>", r"{\1}", rule.rule)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert routes - FOR_OTHERS == set(OPERATIONS)


def test_the_document_is_valid(service: Service) -> None:
    served = call(service, "GET", "/openapi.json").json
    assert served == DOCUMENT
    OpenAPIV31SpecValidator(served).validate()


def test_the_kept_copy_is_the_document() -> None:
    kept = json.loads((ROOT / "docs" / "openapi.json").read_text())
    assert kept == DOCUMENT, "stale: run `make openapi`"


def test_the_document_can_be_written_to_a_file(app: Flask, tmp_path: Any) -> None:
    file = tmp_path / "openapi.json"
    assert app.test_cli_runner().invoke(args=["openapi", "write", str(file)]).exit_code == 0
    assert json.loads(file.read_text()) == DOCUMENT
    assert file.read_bytes() == (ROOT / "docs" / "openapi.json").read_bytes()


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_fits_its_schema(name: str) -> None:
    with_components(EXAMPLES[name]["schema"]).validate(EXAMPLES[name]["example"])


def test_every_example_of_a_body_is_accepted(app: Flask) -> None:
    with app.app_context():
        for view in app.view_functions.values():
            operation: Operation | None = getattr(view, "operation", None)
            if operation and (body := cast(Any, operation.body)):
                assert body.load(body.example)


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_call_says_what_it_is_for(name: str) -> None:
    operation = OPERATIONS[name]
    assert operation["summary"]
    assert operation["tags"]
    for parameter in map(document.resolved, operation["parameters"]):
        assert "description" in parameter or parameter["in"] == "path"


def test_operation_ids_are_unique() -> None:
    ids = [operation["operationId"] for operation in OPERATIONS.values()]
    assert len(ids) == len(set(ids))


def test_every_status_of_an_error_is_documented() -> None:
    assert set(DOCUMENT["components"]["responses"]) == {code_of(status) for status in STATUSES}


def test_what_needs_a_token_says_so() -> None:
    for name, operation in OPERATIONS.items():
        needs_one = "401" in operation["responses"] and name != "POST /auth/login"
        assert needs_one == bool(operation.get("security") and {} not in operation["security"]), (
            name
        )


def test_schemas_tell_what_text_is_taken() -> None:
    clean, trimmed = re.compile(CLEAN), re.compile(TRIMMED)
    for character in map(chr, [*range(0xD800), *range(0xE000, 0x10000)]):
        refused = bool(CONTROL_OR_SURROGATE.fullmatch(character))
        assert bool(clean.match(f"a{character}b")) == (not refused)
        assert bool(trimmed.match(character)) == (character not in SPACES and not refused)
