"""What is measured: servers, started for it, and what they take of the machine."""

import os
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.load import Load, lasting, send
from tests.service import Remote, free_port
from tests.waiting import eventually

WORKERS = 2
"""Of each gunicorn: what it starts unless it is told otherwise."""


@dataclass(frozen=True)
class Server:
    """A process with its children, and the address that it serves."""

    process: psutil.Process
    url: str = ""

    def cpu_seconds(self) -> float:
        """What it has used of the processor, with its children, be they gone."""
        while True:
            before = self.process.cpu_times()
            living = 0.0
            for child in self.process.children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    times = child.cpu_times()
                    living += times.user + times.system
            after = self.process.cpu_times()
            ended = after.children_user + after.children_system
            # Of a child that ended meanwhile nobody could say whether it is counted already.
            if ended == before.children_user + before.children_system:
                return float(after.user + after.system + ended + living)

    def memory(self) -> list[tuple[float, float, float]]:
        """Return the PSS, USS and RSS of each worker, in megabytes, the oldest worker first.

        Workers share what was loaded before they were forked. RSS counts it in each of them, USS
        in none; PSS gives each its part, so that these add up to what the machine lacks.
        """
        workers = sorted(self.process.children(), key=lambda child: child.pid)
        sizes = [worker.memory_full_info() for worker in workers]
        return [(size.pss / 1e6, size.uss / 1e6, size.rss / 1e6) for size in sizes]


def postmaster(cluster: Path) -> Server:
    """Find the PostgreSQL that serves a cluster."""
    (file,) = cluster.rglob("postmaster.pid")
    return Server(psutil.Process(int(file.read_text().splitlines()[0])))


def measure(
    url: str,
    requests: Sequence[bytes],
    seconds: float,
    *servers: Server,
    tls: ssl.SSLContext | None = None,
) -> tuple[Load, list[float]]:
    """Send the requests in turn, and tell the servers' milliseconds of processor for each."""
    before = [server.cpu_seconds() for server in servers]
    load = send(url, lasting(seconds, requests), tls=tls)
    used = [server.cpu_seconds() - early for server, early in zip(servers, before, strict=True)]
    return load, [cpu / load.requests * 1000 for cpu in used]


@contextmanager
def gunicorn(
    app: str, folder: Path, settings: Mapping[str, str], *options: str
) -> Iterator[Server]:
    """Serve an application of the code in a folder."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", *options, app]
    environment = {**os.environ, "WEB_CONCURRENCY": str(WORKERS), **settings, "PORT": str(port)}
    with started(command, folder, environment) as process:
        server = Server(process, f"http://127.0.0.1:{port}")
        eventually(lambda: _is_up(server), f"{app} is up")
        yield server


@contextmanager
def started(
    command: list[str], cwd: Path, env: Mapping[str, str] | None = None
) -> Iterator[psutil.Process]:
    """Run a server, and end it; its standard output goes to /dev/null."""
    process = subprocess.Popen(command, cwd=cwd, env=env, stdout=subprocess.DEVNULL)
    try:
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(timeout=40)


def _is_up(server: Server) -> bool:
    try:
        return Remote(server.url).send("GET", "/health/live", None, {}).status == 200
    except OSError:
        return False
