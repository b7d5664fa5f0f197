"""What can be said of the front end without building it; `make e2e` tests it at work."""

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator

import pytest

from dev.e2e import NODE
from tests.support.service import ROOT, answer_to

FRONTEND = ROOT / "frontend"


def test_the_lock_names_no_registry_and_every_package_by_its_content() -> None:
    packages = json.loads((FRONTEND / "package-lock.json").read_text())["packages"]
    for name, package in packages.items():
        own = not name or name.endswith("/playlist-api-client")
        assert own or package["integrity"].startswith("sha512-"), name
        assert package.get("resolved", "file:").startswith("file:"), name


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port at which `make frontend`'s server serves two pages."""
    folder = tmp_path_factory.mktemp("frontend")
    (folder / "out").mkdir()
    (folder / "scripts").mkdir()
    shutil.copy(FRONTEND / "scripts/serve.ts", folder / "scripts")
    (folder / "package.json").write_text('{"type": "module"}')
    for page in ("secret", "out/playlist", "out/404"):
        (folder / f"{page}.html").write_text(page)
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
    ("status", "targets"),
    [
        (200, [b"/playlist", b"/playlist?page=2&search=%", b"http://localhost:3000/playlist"]),
        (404, [b"/nowhere", b"//", b"//example.com/playlist", b"/.", b"/../secret", b"/%00"]),
        (404, [b"/%2e%2e/secret", b"/..%5Csecret", b"/..\\secret"]),
        (404, [b"/" + b"a" * length for length in (300, 10_000, 100_000)]),
        (400, [b"/%", b"/%ff", b"*", b"http://", b"playlist", b"/\0"]),
    ],
)
def test_the_pages_server_answers_any_target_and_goes_on(
    pages: int, status: int, targets: list[bytes]
) -> None:
    assert {target: get(pages, target)[0] for target in targets} == dict.fromkeys(targets, status)
    assert get(pages, b"/playlist") == (200, b"out/playlist")


def get(port: int, target: bytes) -> tuple[int, bytes]:
    """Return the status and the body of what is answered to this target, sent as it is."""
    head = b"GET %b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" % target
    answer = answer_to(head, socket.create_connection(("127.0.0.1", port), timeout=30))
    return answer.status, answer.body
