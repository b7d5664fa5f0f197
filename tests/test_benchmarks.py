"""The benchmarks count and report correctly."""

import sys
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice, repeat
from subprocess import PIPE, Popen
from threading import Thread

import psutil
import pytest

from benchmarks.client import Connection
from benchmarks.load import request, send
from benchmarks.report import table
from benchmarks.servers import Server
from benchmarks.speed import HEAD, Run, rows


class Handler(BaseHTTPRequestHandler):
    """Answers with the status that the path names, or closes the connection at 0."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        status = int(self.path[1:])
        self.close_connection = not status
        if status:
            self.send_response(status)
            self.send_header("Content-Length", "5")
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


def test_every_request_is_answered_and_counted_by_its_status(url: str) -> None:
    load = send(url, iter([request("GET", f"/{status}") for status in (200, 503)] * 20))
    assert load.statuses == {"200": 20, "503": 20}
    assert load.failures == {"503": 20}
    assert len(load.milliseconds) == load.requests == 40


def test_fewer_requests_than_connections_are_enough(url: str) -> None:
    assert send(url, islice(repeat(request("GET", "/200")), 3)).statuses == {"200": 3}


def test_a_lost_connection_ends_the_benchmark(url: str) -> None:
    with pytest.raises(ConnectionError):
        send(url, iter([request("GET", "/0")]))


def test_a_client_gets_a_response_without_status_when_there_is_no_answer(url: str) -> None:
    connection = Connection(url)
    found = [connection.send("GET", path, None, {}) for path in ("/200", "/0", "/503")]
    assert [response.outcome for response in found] == ["200", "no answer", "503"]


def test_processor_time_of_children_counts_once_whether_they_live_or_have_ended() -> None:
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
            used.append(round(Server(psutil.Process(parent.pid)).cpu_seconds(), 2))
            parent.stdin.write(b"\n")
            parent.stdin.flush()
    alive, gone = used
    assert 0.3 <= alive <= gone < alive + 0.25


FAILED = Counter({"503": 7})
NOW = [
    Run(1000, 1, 9, service=0.5, postgresql=0.1, failures=Counter(), hello=0.2),
    Run(1400, 2, 8, service=0.7, postgresql=0.1, failures=FAILED, hello=0.4),
    Run(1200, 3, 7, service=0.6, postgresql=0.1, failures=Counter(), hello=0.2),
]
THEN = [Run(500, 5, 20, 1.0, 0.2, Counter(), 0.2)] * 3
PEER = [Run(2000, 5, 20, 0, 0, Counter(), 0.2)] * 3


def test_the_table_has_medians_and_the_ratios_of_each_round() -> None:
    found = rows({"GET /me": {"now": NOW, "then": THEN, "peer": PEER}})
    head, _, *lines = table(HEAD, found, texts=2)
    assert {line.count("|") for line in (head, *lines)} == {len(HEAD) + 1}
    assert lines == [
        "| GET /me | now | 1,200 | 2.0 | 8.0 | 0.600 | 0.100 | 3.0 |  |  | 7 x 503 |",
        "| GET /me | then | 500 | 5.0 | 20.0 | 1.000 | 0.200 | 6.0 "
        "| 2.40 [2.00..2.80] | 0.58 [0.50..0.67] | 0 |",
        "| GET /me | peer | 2,000 | 5.0 | 20.0 |  |  |  | 0.60 [0.50..0.70] |  | 0 |",
    ]
