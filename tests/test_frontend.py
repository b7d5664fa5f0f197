"""What can be said of the front end without building it; `make e2e` tests it at work."""

import http.client
import json
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from dev.e2e import NODE
from tests.service import ROOT

FRONTEND = ROOT / "frontend"
COMPONENTS = sorted([*FRONTEND.glob("app/**/*.tsx"), *FRONTEND.glob("components/*.tsx")])
STYLES = "\n".join(path.read_text() for path in FRONTEND.glob("styles/*.css"))


def test_the_lock_names_no_registry_and_every_package_by_its_content() -> None:
    packages = json.loads((FRONTEND / "package-lock.json").read_text())["packages"]
    for name, package in packages.items():
        own = not name or name.endswith("/playlist-api-client")
        assert own or package["integrity"].startswith("sha512-"), name
        assert package.get("resolved", "file:").startswith("file:"), name


@pytest.mark.parametrize("path", COMPONENTS, ids=lambda path: path.name)
def test_components_have_nothing_that_the_policy_or_a_title_could_trip_over(path: Path) -> None:
    source = path.read_text()
    assert " style=" not in source
    assert ("dangerouslySetInnerHTML" in source) == (path == FRONTEND / "app/layout.tsx")
    assert not re.search(r"https?://", source.replace('"https://"', ""))


def test_each_style_has_both_themes() -> None:
    assert len(re.findall(r"light-dark\(", (FRONTEND / "styles/theme.css").read_text())) > 10
    imported = re.findall(
        r'@import "\./([a-z]+\.css)"', (FRONTEND / "styles/index.css").read_text()
    )
    assert {*imported, "index.css"} == {path.name for path in FRONTEND.glob("styles/*.css")}


def test_each_class_of_a_style_is_used() -> None:
    named = set(re.findall(r"\.([a-z][a-z0-9-]*)(?=[\s,.:{\[>+)])", STYLES)) - {"css"}
    drawn = {f"palette-{number}" for number in range(6)} | {f"tone-{each}" for each in (1, 2, 3)}
    sources = "\n".join(path.read_text() for path in COMPONENTS)
    assert {name for name in named - drawn if not re.search(rf"\b{name}\b", sources)} == set()


def test_mailed_links_lead_to_a_page() -> None:
    asking = (ROOT / "playlist_api/auth/account_routes.py").read_text()
    (page,) = re.findall(r"\['FRONTEND_URL'\]}/([a-z-]+)", asking)
    assert (FRONTEND / f"app/(outside)/{page}/page.tsx").is_file()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port at which `make frontend`'s server serves two pages."""
    folder = tmp_path_factory.mktemp("frontend")
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "secret.html").write_text("secret")
    (folder / "scripts").mkdir()
    shutil.copy(FRONTEND / "scripts/serve.ts", folder / "scripts")
    (folder / "out").mkdir()
    for page in ("playlist", "404"):
        (folder / f"out/{page}.html").write_text(f"the page {page}")
    with subprocess.Popen(
        [NODE, "scripts/serve.ts"],
        cwd=folder,
        env=os.environ | {"FRONTEND_HOST": "127.0.0.1", "FRONTEND_PORT": "0"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    ) as server:
        assert server.stdout
        address = server.stdout.readline()
        yield int(address.rpartition(":")[2])
        server.terminate()


@pytest.mark.parametrize(
    ("target", "status"),
    [
        pytest.param(b"/playlist", 200, id="page"),
        pytest.param(b"/playlist?page=2&search=%", 200, id="query"),
        pytest.param(b"http://localhost:3000/playlist", 200, id="absolute form"),
        pytest.param(b"/nowhere", 404, id="no such page"),
        pytest.param(b"//", 404, id="two slashes"),
        pytest.param(b"//example.com/playlist", 404, id="another host"),
        pytest.param(b"/.", 404, id="dot"),
        pytest.param(b"/../secret", 404, id="parent"),
        pytest.param(b"/%2e%2e/secret", 404, id="encoded parent"),
        pytest.param(b"/..%5Csecret", 404, id="encoded backslash"),
        pytest.param(b"/..\\secret", 404, id="backslash"),
        pytest.param(b"/%00", 404, id="encoded NUL"),
        pytest.param(b"/" + b"a" * 300, 404, id="longer than a file's name"),
        pytest.param(b"/" + b"a" * 10_000, 404, id="longer than a path"),
        pytest.param(b"/%", 400, id="half a percent encoding"),
        pytest.param(b"/%ff", 400, id="no UTF-8"),
        pytest.param(b"*", 400, id="asterisk"),
        pytest.param(b"http://", 400, id="no host"),
        pytest.param(b"playlist", 400, id="no slash"),
        pytest.param(b"/\0", 400, id="NUL"),
        pytest.param(b"/" + b"a" * 100_000, 404, id="longer than Node.js reads by default"),
    ],
)
def test_the_pages_server_answers_any_target_and_goes_on(
    pages: int, target: bytes, status: int
) -> None:
    assert get(pages, target)[0] == status
    assert get(pages, b"/playlist") == (200, b"the page playlist")


def get(port: int, target: bytes) -> tuple[int, bytes]:
    """Return the status and the body of what is answered to this target, sent as it is."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(
            b"GET %b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" % target
        )
        with closing(http.client.HTTPResponse(connection)) as response:
            response.begin()
            return response.status, response.read()
