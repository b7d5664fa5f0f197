"""What is measured: servers, started for it, and what they take of the machine."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.service import Remote, free_port
from tests.waiting import eventually


@dataclass(frozen=True)
class Server:
    """A process with its children, and the address that it serves."""

    process: psutil.Process
    url: str = ""

    def cpu_seconds(self) -> float:
        """What it has used of the processor, with its children, be they gone."""
        times = self.process.cpu_times()
        used = times.user + times.system + times.children_user + times.children_system
        for child in self.process.children(recursive=True):
            with suppress(psutil.NoSuchProcess):  # it ended, and is among the children's times
                child_times = child.cpu_times()
                used += child_times.user + child_times.system
        return float(used)

    def megabytes(self) -> float:
        """The memory of the largest worker: its own, and its share of what is shared."""
        workers = self.process.children()
        return float(max(worker.memory_full_info().pss for worker in workers) / 1e6)


def postmaster(cluster: Path) -> Server:
    """Find the PostgreSQL that serves a cluster."""
    (file,) = cluster.rglob("postmaster.pid")
    return Server(psutil.Process(int(file.read_text().splitlines()[0])))


@contextmanager
def gunicorn(
    app: str, folder: Path, settings: Mapping[str, str], *options: str
) -> Iterator[Server]:
    """Serve an application of the code in a folder."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", *options, app],
        cwd=folder,
        env={**os.environ, "WEB_CONCURRENCY": "2", **settings, "PORT": str(port)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    server = Server(psutil.Process(process.pid), f"http://127.0.0.1:{port}")
    try:
        eventually(lambda: _is_up(server), f"{app} is up")
        yield server
    finally:
        process.terminate()
        process.wait(timeout=40)


def _is_up(server: Server) -> bool:
    try:
        return Remote(server.url).send("GET", "/health/live", None, {}).status == 200
    except OSError:
        return False
