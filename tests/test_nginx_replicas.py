"""Replicas behind nginx that die, come and go."""

import json
import socket
import struct
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from shutil import copyfile
from threading import Thread

import psutil
import pytest

from tests.nginx import Nginx, nginx, replace
from tests.service import JSON, Answer, Gunicorn, environment, gunicorn, line_of, sign_up
from tests.upstream import Upstream, upstream
from tests.waiting import eventually

SENT = 8
on_linux = pytest.mark.skipif(
    sys.platform != "linux", reason="127.0.0.2 is an address of Linux only"
)


class Pair:
    """Two replicas behind nginx, of which one takes connections, but answers nobody."""

    def __init__(self, stuck: Gunicorn, other: Gunicorn, front: Nginx) -> None:
        self.stuck, self.other, self.front = stuck, other, front
        main = psutil.Process(stuck.process.pid)
        # It is up with its first worker. While it is stopped, it forks no others.
        stop(main)
        self.processes = [main, *main.children()]
        for worker in self.processes[1:]:
            stop(worker)

    def answers(self, method: str, path: str, body: object, token: str) -> list[Answer]:
        """Send requests at the same time; the one that is stuck is killed with some of them."""
        with ThreadPoolExecutor(SENT) as pool:
            sent = [
                pool.submit(self._send, method, path, body, token, f"{method}-{number}")
                for number in range(SENT)
            ]
            try:
                eventually(lambda: self._has_all_of(sent), "it has all that are not answered")
            finally:
                self.kill()
            return [one.result() for one in sent]

    def told(self, method: str) -> set[str]:
        """What nginx got for the requests."""
        lines = [line_of(self.front.lines, f"{method}-{number}") for number in range(SENT)]
        return {line["upstreamStatus"] for line in lines}

    def kill(self) -> None:
        for process in self.processes:
            process.kill()

    def _send(self, method: str, path: str, body: object, token: str, name: str) -> Answer:
        headers = {"Authorization": f"Bearer {token}", "X-Request-ID": name, "Content-Type": JSON}
        return self.front.send(method, path, json.dumps(body).encode(), headers)

    def _has_all_of(self, sent: list[Future[Answer]]) -> bool:
        workers = psutil.Process(self.front.process.pid).children()
        connections = [each for worker in workers for each in worker.net_connections("tcp")]
        got = sum(each.raddr[1:] == (self.stuck.port,) for each in connections)
        return got == sum(not one.done() for one in sent) > 0


def stop(process: psutil.Process) -> None:
    process.suspend()
    eventually(lambda: process.status() == psutil.STATUS_STOPPED, "it is stopped")


@pytest.fixture
def pair(database_url: str, tmp_path: Path, served: Gunicorn) -> Iterator[Pair]:
    with (
        gunicorn(tmp_path / "log", environment(database_url)) as stuck,
        nginx(stuck.port, served.port) as front,
    ):
        pair = Pair(stuck, served, front)
        yield pair
        pair.kill()


def test_reads_survive_a_replica_that_is_killed_with_them(pair: Pair) -> None:
    ada = sign_up(pair.other)
    answers = pair.answers("GET", "/me", None, ada.token)
    assert {answer.status for answer in answers} == {200}
    assert pair.told("GET") == {"200", "502, 200"}


def test_a_post_that_is_lost_with_a_replica_is_sent_to_no_other(pair: Pair) -> None:
    ada = sign_up(pair.other)
    answers = pair.answers("POST", "/movies", {"title": "Heat"}, ada.token)
    statuses = [answer.status for answer in answers]
    assert set(statuses) == {201, 502}
    assert ada.get("/movies").json["meta"]["total"] == statuses.count(201)
    assert pair.told("POST") == {"201", "502"}


class Names:
    """A name server that knows one name."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port: int = self.socket.getsockname()[1]

    def serve(self) -> None:
        """Answer until an empty question comes (RFC 1035, section 4)."""
        while True:
            question, client = self.socket.recvfrom(512)
            if not question:
                return
            records = [
                b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 1, 4) + socket.inet_aton(address)
                for address in self.addresses
            ]
            head = question[:2] + struct.pack("!HHHHH", 0x8180, 1, len(records), 0, 0)
            self.socket.sendto(head + question[12:] + b"".join(records), client)


@contextmanager
def names(*addresses: str) -> Iterator[Names]:
    server = Names(*addresses)
    thread = Thread(target=server.serve)
    thread.start()
    try:
        yield server
    finally:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            end.sendto(b"", ("127.0.0.1", server.port))
        thread.join()
        server.socket.close()


@contextmanager
def in_docker(docker: Names, port: int) -> Iterator[Nginx]:
    """nginx, with replicas at a port of those addresses that the name server knows."""

    def prepare(folder: Path) -> None:
        file = folder / "nginx" / "upstream.conf"
        copyfile(file.with_name("upstream-docker.conf"), file)
        replace(file, "127.0.0.11", f"127.0.0.1:{docker.port}")
        replace(file, "api:3001", *[f"api:{port}"] * 2)

    with nginx(0, prepare=prepare) as front:
        eventually(lambda: asked(front), "they are found")
        yield front


@on_linux
def test_replicas_that_docker_knows_are_found_and_forgotten() -> None:
    with (
        upstream() as one,
        upstream(host="127.0.0.2", port=one.server_port) as other,
        names("127.0.0.1", "127.0.0.2") as docker,
        in_docker(docker, one.server_port) as front,
    ):
        eventually(lambda: asked(front) and one.heard and other.heard, "both are asked")
        docker.addresses = ("127.0.0.2",)
        eventually(lambda: is_forgotten(one, front), "one is forgotten")


@on_linux
def test_a_dead_replica_costs_no_request_while_docker_still_knows_it() -> None:
    with (
        upstream() as alive,
        names("127.0.0.1", "127.0.0.2") as docker,
        in_docker(docker, alive.server_port) as front,
    ):
        assert all(asked(front) for _ in range(32))


def asked(front: Nginx) -> bool:
    return front.send("GET", "/", None, {}).status == 200


def is_forgotten(replica: Upstream, front: Nginx) -> bool:
    before = len(replica.heard)
    return all(asked(front) for _ in range(8)) and len(replica.heard) == before
