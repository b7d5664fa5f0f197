"""The Postman collection: testers import it, and newman runs it."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from playlist_api.db.engine import db
from playlist_api.db.models import User
from tests.service import ROOT, Gunicorn

POSTMAN = ROOT / "clients" / "postman"
TOOLS = Path(sys.executable).parent

NOWHERE = {("GET", "/nothing"), ("DELETE", "/movies")}
"""What is asked for because it is not there."""

EVERYWHERE = "{{path}}"
"""The address of requests that take theirs from the document."""


@pytest.fixture(scope="module")
def requests() -> set[tuple[str, str]]:
    """Methods and path templates that the collection asks for; every parameter is `{}`."""
    content = (POSTMAN / "playlist-api.postman_collection.json").read_text()
    return {
        (request["method"], _template(request["url"].removeprefix("{{baseUrl}}")))
        for request in _requests(json.loads(content))
        if EVERYWHERE not in request["url"]
    }


@pytest.fixture(scope="module")
def operations(app: Flask) -> set[tuple[str, str]]:
    """Methods and path templates that the document has."""
    paths: dict[str, dict[str, Any]] = app.extensions["openapi"]()["paths"]
    return {(method.upper(), _template(path)) for path in paths for method in paths[path]}


def _requests(folder: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for item in folder["item"]:
        if "item" in item:
            yield from _requests(item)
        else:
            yield item["request"]


def _template(path: str) -> str:
    return re.sub(r"\{+\w+\}+", "{}", path.partition("?")[0])


def test_the_collection_asks_for_every_operation_and_nothing_else(
    requests: set[tuple[str, str]], operations: set[tuple[str, str]]
) -> None:
    assert operations - requests == set()
    heads = {("HEAD", path) for method, path in operations if method == "GET"}
    preflights = {("OPTIONS", path) for _, path in operations}
    assert requests - operations - heads - preflights == NOWHERE


def test_newman_finds_every_promise_kept_and_leaves_nothing_behind(
    served: Gunicorn, app: Flask
) -> None:
    newman = POSTMAN / "node_modules" / ".bin" / "newman"
    assert newman.exists(), "newman is missing: `npm ci --prefix clients/postman` installs it."
    options = ["--env-var", f"baseUrl=http://localhost:{served.port}", "--color", "off"]
    ran = subprocess.run(
        [str(TOOLS / "npm"), "test", "--prefix", str(POSTMAN), "--", *options],
        env={**os.environ, "PATH": f"{TOOLS}{os.pathsep}{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout
    with app.app_context():
        left = select(func.count()).where(User.email.startswith("postman."))
        assert db.session.scalar(left) == 0
