"""The benchmarks count and report truly."""

import sys
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice, repeat
from pathlib import Path
from subprocess import PIPE, Popen
from threading import Thread

import psutil
import pytest
from PIL import Image
from werkzeug.datastructures import Headers

from benchmarks.load import request, send
from benchmarks.plot import draw
from benchmarks.report import Result, Run, shares, table
from benchmarks.servers import Server
from benchmarks.speed import deep_page
from benchmarks.subjects import LARGE, Person, Subject
from tests.service import Answer


class Handler(BaseHTTPRequestHandler):
    """Answers with the status that is asked for, or hangs up at 0, or closes after its answer."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        status = int(self.path[1:4])
        self.close_connection = not status or self.path.endswith("close")
        if status:
            self.send_response(status)
            self.send_header("Content-Length", "5")
            if self.close_connection:
                self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(b"hello")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_every_request_is_answered_and_counted_by_its_outcome(url: str) -> None:
    heard: list[bytes] = []
    sent = [request("GET", f"/{path}") for path in ("200", "503", "200-close", "000")]
    load = send(url, iter(sent * 20), heard=heard.append)
    assert load.outcomes == {"200": 40, "503": 20, "connection lost": 20}
    assert load.failures == {"503": 20, "connection lost": 20}
    assert len(load.milliseconds) == load.requests == 80
    assert sum(answer.endswith(b"hello") for answer in heard) == 60


def test_fewer_requests_than_clients_are_enough(url: str) -> None:
    assert send(url, islice(repeat(request("GET", "/200")), 3)).outcomes == {"200": 3}


def test_processor_time_of_children_counts_once_be_they_alive_or_gone() -> None:
    burn = "import time\nwhile time.process_time() < 0.3: pass\n"
    program = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {burn + "print(1, flush=True); input()"!r}],
    stdin=subprocess.PIPE, stdout=subprocess.PIPE)
child.stdout.readline()
print(1, flush=True); input()
child.communicate(b"\\n")
print(1, flush=True); input()
"""
    with Popen([sys.executable, "-c", program], stdin=PIPE, stdout=PIPE) as parent:
        assert parent.stdin
        assert parent.stdout
        used = []
        for _ in range(2):
            parent.stdout.readline()
            used.append(Server(psutil.Process(parent.pid)).cpu_seconds())
            parent.stdin.write(b"\n")
            parent.stdin.flush()
    alive, gone = used
    assert 0.3 <= alive <= gone < alive + 0.25


HELLO = Result("bare gunicorn", "", None, [Run(6000, 2, 6, 0.2, 0, hello=0.2)])
NOW = Result(
    "GET /me",
    "now",
    3,
    [
        Run(1000, 1, 9, service=0.5, postgres=0.1, hello=0.2),
        Run(1400, 2, 8, service=0.7, postgres=0.1, hello=0.4, failures=Counter({"503": 7})),
        Run(1200, 3, 7, service=0.6, postgres=0.1, hello=0.2),
    ],
)
THEN = Result("GET /me", "then", 3, [Run(400, 5, 20, service=1.8, postgres=0.3, hello=0.2)])
LOGIN = Result("login", "now", None, [Run(40, 300, 400, 23, 1, hello=0.2, argon2=22.8)])


def test_a_table_has_medians_multiples_of_a_hello_measured_beside_and_failures() -> None:
    head, _, *rows = table(HELLO, [NOW, THEN])
    assert head.count("|") == rows[0].count("|") == rows[1].count("|")
    assert rows[1] == "| GET /me | now | 1,200 | 2.0 | 8.0 | 0.600 | 0.100 | 3.0 | 3 |  | 7 x 503 |"
    assert rows[2] == "| GET /me | then | 400 | 5.0 | 20.0 | 1.800 | 0.300 | 10.5 | 3 | 3.5 | 0 |"


def test_the_share_of_hashing_is_told_where_passwords_are_hashed() -> None:
    (line,) = shares([NOW, LOGIN])
    assert line.startswith("Argon2 is 95 % of the processor time of login (now)")


def test_the_picture_is_as_high_as_there_are_bars(tmp_path: Path) -> None:
    for name, results in (("one", [NOW]), ("two", [NOW, THEN])):
        draw(tmp_path / name, results)
    with Image.open(tmp_path / "one") as one, Image.open(tmp_path / "two") as two:
        assert one.format == "PNG"
        assert one.width == two.width
        assert one.height < two.height


@pytest.mark.parametrize(
    ("link", "found"),
    [
        ("", []),
        ('</movies?page=1>; rel="prev"', []),
        ('</movies?cursor=a_-&limit=20>; rel="next"', [b"GET /movies?cursor=a_-&limit=20 "]),
        (
            '</movies?page=1>; rel="first", </movies?limit=20&cursor=b>; rel="next"',
            [b"GET /movies?limit=20&cursor=b "],
        ),
    ],
)
def test_a_deep_page_is_found_by_its_cursor(link: str, found: list[bytes], url: str) -> None:
    class Paged(Subject):
        def get(self, path: str, owner: int) -> Answer:  # noqa: ARG002
            return Answer(200, Headers({"Link": link}), b"")

    on = Paged(Server(psutil.Process(), url), "", {LARGE: Person("ada@example.com")})
    assert [sent[: len(found[0])] for sent in deep_page(on)] == found
