"""The project judged by tools that nobody here wrote; `make judge` installs them all.

What a judge's rules are switched off for is said beside them, here or in dev/judges.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from httplint import HttpRequestLinter, HttpResponseLinter, levels

from playlist_api.api.documentation import FILES
from tests.support.nginx import nginx
from tests.support.pictures import data_url, file_of
from tests.support.service import ROOT, Answer, Gunicorn, free_port, sign_up

JUDGES = ROOT / "dev" / "judges"
NODE_MODULES = JUDGES / "node_modules"
SSLYZE = JUDGES / ".venv" / "bin" / "sslyze"
VNU = NODE_MODULES / "vnu-jar" / "build" / "dist" / "vnu.jar"
PAGES = ROOT / "frontend" / "out"
DOCUMENT = ROOT / "docs" / "openapi.json"

FITTING = {
    "STORE_PUBLIC_UNNECESSARY": "Werkzeug adds it to whatever may be kept; it changes nothing.",
}
"""Warnings of httplint's that do not fit, and why."""


def judged(*command: str | Path, **environment: str) -> None:
    """Run a judge, which must have nothing to say against the project."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    told = subprocess.run(
        command,
        cwd=JUDGES,
        env={**os.environ, "PATH": path, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if told.returncode:
        pytest.fail(told.stdout, pytrace=False)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("redocly", ["--config", "redocly.yaml"]),
        ("spectral", ["--ruleset", "spectral.yaml", "--fail-severity", "hint"]),  # OWASP's rules
    ],
)
def test_a_judge_of_documents_finds_nothing_in_ours(name: str, options: list[str]) -> None:
    judge = NODE_MODULES / ".bin" / name
    assert judge.exists(), f"{name} is missing: `npm ci --prefix dev/judges` installs it."
    judged(judge, "lint", *options, DOCUMENT, REDOCLY_TELEMETRY="off")


@pytest.mark.skipif(not shutil.which("java"), reason="there is no Java")
@pytest.mark.skipif(not PAGES.exists(), reason="the front end has not been built")
def test_the_nu_html_checker_finds_no_error_in_any_page() -> None:
    pages = [*sorted(PAGES.rglob("*.html")), ROOT / "playlist_api" / "static" / "docs.html"]
    judged("java", "-jar", VNU, "--errors-only", *pages)


@pytest.mark.skipif(not SSLYZE.exists(), reason="sslyze is not installed")
@pytest.mark.skipif(not shutil.which("openssl"), reason="there is no OpenSSL")
def test_sslyze_finds_mozillas_intermediate_configuration() -> None:
    with nginx(free_port(), prepare=certify) as front:
        trust = front.folder / "trust" / "ca.crt"
        options = ["--mozilla_config=intermediate", f"--certinfo_ca_file={trust}"]
        judged(SSLYZE, *options, f"localhost:{front.port}")


def certify(folder: Path) -> None:
    """Give nginx a certificate as deploy/certificates.sh makes it."""
    shutil.rmtree(folder / "tls")
    script = ROOT / "deploy" / "certificates.sh"
    subprocess.run([script, folder, "tls", "DNS:localhost"], check=True, capture_output=True)


def test_httplint_finds_nothing_in_what_any_route_answers(app: Flask, served: Gunicorn) -> None:
    ada = sign_up(served)
    movie = ada.add_movie(imageUrl=data_url(file_of("JPEG")))
    values: dict[str, list[dict[str, Any]]] = {
        "movies.get_movie": [{"movie_id": movie["id"]}],
        "pictures.send_picture": [{"name": movie["imageUrl"].rpartition("/")[2]}],
        "docs.send_file": [{"name": name} for name in FILES],
    }
    routes = [rule.endpoint for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())]
    build = app.url_map.bind("localhost").build
    paths = [build(route, some) for route in routes for some in values.get(route, [{}])]
    noted = {path: notes(path, ada.get(path)) for path in paths}
    assert {path: some for path, some in noted.items() if some} == {}


def notes(path: str, answer: Answer) -> dict[str, str]:
    """Tell what httplint warns of in the answer to a GET, by the names of its notes."""
    assert answer.status == 200, path
    request, response = HttpRequestLinter(), HttpResponseLinter()
    request.process_request_topline(b"GET", f"https://localhost{path}".encode(), b"1.1")
    response.request = request
    response.process_response_topline(b"1.1", b"200", b"OK")
    response.process_headers([(name.encode(), value.encode()) for name, value in answer.headers])
    response.feed_content(answer.body)
    response.finish_content(True)
    bad = [note for note in response.notes if note.level in (levels.WARN, levels.BAD)]
    return {type(note).__name__: note.summary for note in bad if type(note).__name__ not in FITTING}
