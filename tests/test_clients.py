"""The clients that are shipped: the Postman collection, which newman runs, and TypeScript's."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import func, select

from playlist_api.db.engine import db
from playlist_api.db.models import User
from tests.support.service import ROOT, Gunicorn

CLIENTS = ROOT / "clients"
TOOLS = Path(sys.executable).parent

NOWHERE = {("GET", "/nothing"), ("DELETE", "/movies")}
"""What the collection asks for because it is not there."""


def npm_test(client: str, *options: str, **environment: str) -> None:
    """Run a client's own tests, which must pass."""
    folder = CLIENTS / client
    assert (folder / "node_modules").is_dir(), f"npm ci has not been run in {folder}."
    path = f"{TOOLS}{os.pathsep}{os.environ['PATH']}"
    tested = subprocess.run(
        [TOOLS / "npm", "test", "--prefix", folder, "--", *options],
        env={**os.environ, "PATH": path, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=180,
    )
    assert tested.returncode == 0, tested.stdout


def requests_of(folder: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield methods and path templates, but for those whose path comes from the document."""
    for item in folder["item"]:
        if "item" in item:
            yield from requests_of(item)
        elif "{{path}}" not in (url := item["request"]["url"]):
            yield item["request"]["method"], template_of(url.removeprefix("{{baseUrl}}"))


def template_of(path: str) -> str:
    return re.sub(r"\{+\w+\}+", "{}", path.partition("?")[0])


def test_the_collection_asks_for_every_operation_and_nothing_else(app: Flask) -> None:
    content = (CLIENTS / "postman/playlist-api.postman_collection.json").read_text()
    requests = set(requests_of(json.loads(content)))
    paths: dict[str, dict[str, Any]] = app.extensions["openapi"]()["paths"]
    operations = {(method.upper(), template_of(path)) for path in paths for method in paths[path]}
    assert operations - requests == set()
    heads = {("HEAD", path) for method, path in operations if method == "GET"}
    preflights = {("OPTIONS", path) for _, path in operations}
    assert requests - operations - heads - preflights == NOWHERE


def test_newman_finds_every_promise_kept_and_leaves_nothing_behind(
    served: Gunicorn, app: Flask
) -> None:
    npm_test("postman", "--env-var", f"baseUrl=http://localhost:{served.port}", "--color", "off")
    with app.app_context():
        left = select(func.count()).where(User.email.startswith("postman."))
        assert db.session.scalar(left) == 0


def test_the_typescript_client_keeps_its_promises(served: Gunicorn) -> None:
    npm_test("typescript", PLAYLIST_API_URL=f"http://127.0.0.1:{served.port}")
