"""The front end's pages beside the service, behind nginx, at one address."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest

from playlist_api.app import create_app
from tests.support.nginx import Nginx, nginx, replace
from tests.support.service import ROOT, environment
from tests.support.upstream import Upstream, upstream

PAGES = sorted(path.parent.name for path in (ROOT / "frontend/app").glob("(*)/*/page.tsx"))
SCRIPT = "/_next/static/chunks/a-0_b.js"
FILES = {
    "index.html": "start",
    **{f"{page}.html": page for page in PAGES},
    "playlist.txt": "next",
    "playlist/__next.!KGluc2lkZSk.playlist.__PAGE__.txt": "next",
    "icon.svg": "<svg/>",
    SCRIPT[1:]: "script",
    "_next/static/chunks/c.css": "style",
}


@pytest.fixture(scope="module")
def service() -> Iterator[Upstream]:
    with upstream() as service:
        yield service


@pytest.fixture(scope="module")
def front(service: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    built = tmp_path_factory.mktemp("built")
    files = {name: content.encode() for name, content in FILES.items()}
    files |= {"playlist.html.gz": gzip.compress(b"playlist"), f"{SCRIPT[1:]}.br": b"brotli"}
    files[f"{SCRIPT[1:]}.gz"] = gzip.compress(b"script")
    for name, content in files.items():
        (built / name).parent.mkdir(parents=True, exist_ok=True)
        (built / name).write_bytes(content)

    def prepare(folder: Path) -> None:
        replace(folder / "nginx/frontend.conf", "/usr/share/nginx/playlist", str(built))

    with nginx(service.server_port, prepare=prepare) as front:
        yield front


@pytest.mark.parametrize("page", ["", *PAGES])
def test_each_page_has_its_address(front: Nginx, page: str) -> None:
    answer = front.send("GET", f"/{page}?token=x", None, {})
    assert (answer.status, answer.body.decode()) == (200, page or "start")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Content-Security-Policy"] == "frame-ancestors 'none'"
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.headers["Strict-Transport-Security"]


def test_no_page_has_the_address_of_a_call(database_url: str) -> None:
    calls = {rule.rule for rule in create_app(environment(database_url)).url_map.iter_rules()}
    assert not {f"/{page}" for page in ["", *PAGES]} & calls


def test_everything_else_is_the_services(front: Nginx, service: Upstream) -> None:
    for path in ("/movies", "/playlist/1", "/auth/login", "/missing.txt", "/_next/static/x.js"):
        front.send("GET", path, None, {})
        assert service.heard[-1].target == path


@pytest.mark.parametrize("path", [f"/{name}" for name in FILES if not name.endswith(".html")])
def test_what_pages_need_is_served_with_its_type(front: Nginx, path: str) -> None:
    answer = front.send("GET", path, None, {})
    assert (answer.status, answer.body.decode()) == (200, FILES[path[1:]])
    types = {
        ".css": "text/css; charset=utf-8",
        ".js": "text/javascript; charset=utf-8",
        ".svg": "image/svg+xml",
        ".txt": "text/plain; charset=utf-8",
    }
    assert answer.headers["Content-Type"] == types[Path(path).suffix]
    assert ("immutable" in answer.headers["Cache-Control"]) == path.startswith("/_next/static/")


@pytest.mark.parametrize(
    ("path", "accepted", "encoding", "content"),
    [
        (SCRIPT, "gzip, deflate, br", "br", b"brotli"),
        (SCRIPT, "gzip", "gzip", b"script"),
        ("/playlist", "gzip", "gzip", b"playlist"),
    ],
)
def test_scripts_and_pages_are_compressed_for_clients_that_accept_it(
    front: Nginx, path: str, accepted: str, encoding: str, content: bytes
) -> None:
    answer = front.send("GET", path, None, {"Accept-Encoding": accepted})
    assert answer.headers["Content-Encoding"] == encoding
    body = gzip.decompress(answer.body) if encoding == "gzip" else answer.body
    assert body == content
