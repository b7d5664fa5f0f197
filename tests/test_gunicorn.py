"""What is gunicorn's to answer, and what it does for the application."""

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from pathlib import Path

import psutil
import pytest

from dev.processes import eventually
from playlist_api.transfer.uploads import MAX_FILE
from tests.support.service import (
    PASSWORD,
    Actor,
    Answer,
    Gunicorn,
    Service,
    answer_to,
    call,
    environment,
    gunicorn,
    line_of,
    sign_up,
)

HEAD = b"POST /auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(scope="session")
def service(served: Gunicorn) -> Service:
    return served


def exchange(served: Gunicorn, sent: bytes) -> Answer:
    return answer_to(sent, socket.create_connection(("127.0.0.1", served.port), timeout=10))


def test_what_is_no_http_is_logged_without_what_it_holds(served: Gunicorn) -> None:
    sent = b"GET / HTTP/1.1\r\nHost: x\r\nBearer canary-5eb63bbb\r\n\r\n"
    line = line_of(served.lines, exchange(served, sent).headers["X-Request-ID"])
    assert (line["msg"], line["statusCode"]) == ("request refused", 400)
    assert "canary-5eb63bbb" not in served.log.read_text() + served.errors()


def test_a_body_may_come_in_chunks_unless_they_are_too_many(served: Gunicorn, ada: Actor) -> None:
    body = json.dumps({"email": ada.email, "password": PASSWORD}).encode()
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body)
    answer = exchange(served, CHUNKED + chunks + b"0\r\n\r\n")
    assert (answer.status, answer.json["user"]) == (200, ada.user)
    large = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    answer = exchange(served, CHUNKED + large * 20 + b"0\r\n\r\n")
    assert (answer.status, answer.error["code"]) == (413, "PAYLOAD_TOO_LARGE")


def test_a_small_answer_is_sent_whole(served: Gunicorn) -> None:
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as connection:
        for _ in range(20):
            connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert connection.recv(65536).endswith(b'\r\n\r\n{"status":"ok"}\n')


def test_a_client_cannot_say_what_its_server_should(service: Service) -> None:
    forged = {"SCRIPT_NAME": "/x", "PATH_INFO": "/health", "Script-Name": "/x"}
    assert call(service, "GET", "/nothing", **forged).status in {400, 404}


def test_a_body_that_does_not_come_holds_up_nobody_else(served: Gunicorn, ada: Actor) -> None:
    path = f"/movies/{ada.add_movie()['id']}"
    head = [
        f"DELETE {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {ada.token}",
        'If-Match: "stale"\r\nContent-Length: 1000\r\nX-Request-ID: slow\r\n\r\n',
    ]
    with socket.create_connection(("127.0.0.1", served.port)) as slow:
        slow.sendall("\r\n".join(head).encode())
        answer = ada.put(path, {"title": "Ronin"}, If_Match="*")
        assert answer.status == 200


@pytest.mark.parametrize("expecting", [b"", b"Expect: 100-continue\r\n"])
def test_a_client_that_sends_a_large_body_in_vain_still_hears_why(
    served: Gunicorn, expecting: bytes
) -> None:
    head = b"POST /nothing HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000000\r\n"
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as connection:
        answers = connection.makefile("rb")
        connection.sendall(head + expecting + b"\r\n")
        if expecting:
            assert answers.readline() + answers.readline() == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"x" * 5_000_000)
        assert answers.readline().startswith(b"HTTP/1.1 404 ")


def test_memory_is_back_after_a_crowd_of_files(database_url: str, tmp_path: Path) -> None:
    settings = {"TRUSTED_PROXIES": "1", "WEB_CONCURRENCY": "1"}
    file = b"title\n".ljust(MAX_FILE, b"x")
    with gunicorn(tmp_path / "log", environment(database_url, **settings)) as server:
        crowd = [sign_up(server) for _ in range(8)]
        (worker,) = psutil.Process(server.process.pid).children()
        before = worker.memory_info().rss

        def send(number: int) -> int:
            address = f"192.0.2.{number % len(crowd)}"
            sender = crowd[number % len(crowd)]
            answer: Answer = sender.post("/movies/import", file, X_Forwarded_For=address)
            return answer.status

        with ThreadPoolExecutor(len(crowd)) as threads:
            statuses = set(threads.map(send, range(2 * len(crowd))))
        assert 400 in statuses
        assert statuses <= {400, 429, 503}
        eventually(lambda: worker.memory_info().rss < before + 40 * 1024 * 1024, "memory is back")


def test_more_connections_than_threads_are_all_kept_and_served(served: Gunicorn) -> None:
    connections = [HTTPConnection("127.0.0.1", served.port, timeout=10) for _ in range(150)]
    with ExitStack() as stack:
        for connection in [stack.enter_context(closing(each)) for each in connections] * 3:
            connection.request("GET", "/health/live")
            answer = connection.getresponse()
            assert (answer.status, answer.headers["Connection"]) == (200, "keep-alive")
            answer.read()
