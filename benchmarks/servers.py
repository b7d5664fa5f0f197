"""Servers that a benchmark starts, and the processor time and memory that they take."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil

from benchmarks.client import Connection
from dev.processes import eventually, free_port
from dev.run import GLIBC_TUNABLES

ROOT = Path(__file__).parents[1]

WORKERS = 2

SERVICE = "-c", "gunicorn.conf.py", "wsgi:app"
"""gunicorn's arguments for the service."""

AWAY = "The database is away"
"""The log message for a request that is refused because there is no database connection."""

HELLO = (
    *("--config", "benchmarks/hello.py"),  # and not the one of the service
    *("--worker-class", "gthread", "--threads", "4", "--no-control-socket"),
    *("--log-level", "error", "benchmarks.hello:app"),
)
"""gunicorn's arguments for a bare hello, with workers of the same kind."""


@dataclass(frozen=True)
class Server:
    """A process with its children."""

    process: psutil.Process
    url: str = ""
    log: Path = Path(os.devnull)

    def cpu_seconds(self) -> float:
        """Return the processor time of the process and of all its children, ended ones included."""
        used = 0.0
        for process in (self.process, *self.process.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):  # its time is its parent's now
                used += sum(process.cpu_times()[:4])
        return used

    def memory(self) -> list[float]:
        """Return each worker's PSS in megabytes: of shared pages it counts the worker's part."""
        return [worker.memory_full_info().pss / 1e6 for worker in self.workers()]

    def workers(self) -> list[psutil.Process]:
        """Return the children that are alive."""
        with suppress(psutil.NoSuchProcess):
            children = self.process.children()
            return [child for child in children if child.status() != psutil.STATUS_ZOMBIE]
        return []

    def is_up(self) -> bool:
        """Tell whether the server answers, with all its workers."""
        if len(self.workers()) != WORKERS:
            return False
        return Connection(self.url).send("GET", "/health/live", None, {}).status == 200

    def errors(self) -> list[str]:
        """Return the errors in the log of the service, but for those of being busy or cut off."""
        found: list[str] = []
        for text in self.log.read_text().splitlines():
            line: Any = json.loads(text) if text.startswith("{") else {"level": 50, "msg": text}
            busy = line.get("statusCode") in {502, 503} or line["msg"].startswith(AWAY)
            found += [line["msg"]] * (line["level"] >= 50 and not busy)
        return found


def settings(database_url: str, **more: str) -> dict[str, str]:
    """Return the service's settings: rate limits are off unless `more` switches them on."""
    return {
        "APP_ENV": "development",
        "DATABASE_URL": database_url,
        "SECRET_KEY": "a key for benchmarks that is long enough",
        "RATELIMIT_ENABLED": "false",
        **more,
    }


def launch(
    arguments: tuple[str, ...],
    environment: Mapping[str, str],
    port: int,
    *,
    code: Path = ROOT,
    log: Path = Path(os.devnull),
    listener: int | None = None,
) -> Server:
    """Start gunicorn on the code in a folder; `listener` is the open socket of the port, if any."""
    bind = f"fd://{listener}" if listener else f"127.0.0.1:{port}"
    with log.open("a") as output:
        process = psutil.Popen(
            [sys.executable, "-m", "gunicorn", "--bind", bind, *arguments],
            cwd=code,
            env={
                **os.environ,
                "GLIBC_TUNABLES": GLIBC_TUNABLES,
                **environment,
                "WEB_CONCURRENCY": str(WORKERS),
            },
            pass_fds=[listener] if listener else [],
            stdout=output,
            stderr=None if log == Path(os.devnull) else output,
        )
    return Server(process, f"http://127.0.0.1:{port}", log)


@contextmanager
def gunicorn(
    arguments: tuple[str, ...],
    environment: Mapping[str, str],
    *,
    code: Path = ROOT,
    log: Path = Path(os.devnull),
) -> Iterator[Server]:
    """Run gunicorn until the context is left."""
    server = launch(arguments, environment, free_port(), code=code, log=log)
    try:
        eventually(server.is_up, "gunicorn is up")
        yield server
    finally:
        server.process.terminate()
        server.process.wait(timeout=40)


def migrate(environment: Mapping[str, str], code: Path = ROOT) -> None:
    """Make the tables."""
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "db", "upgrade"]
    subprocess.run(command, cwd=code, env=os.environ | environment, capture_output=True, check=True)


def postmaster(cluster: Path) -> Server:
    """Return the PostgreSQL server of a cluster."""
    (file,) = cluster.rglob("postmaster.pid")
    return Server(psutil.Process(int(file.read_text().splitlines()[0])))


@contextmanager
def checked_out(revision: str) -> Iterator[Path]:
    """Check a revision out into a temporary folder."""
    archive = subprocess.run(
        ["git", "archive", revision], cwd=ROOT, capture_output=True, check=True
    )
    with TemporaryDirectory(prefix="playlist-") as folder:
        subprocess.run(["tar", "-x"], cwd=folder, input=archive.stdout, check=True)
        yield Path(folder)
