"""gunicorn under a supervisor, as systemd runs it by deploy/systemd."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Lock, Thread
from typing import Any

import psutil

from tests.service import ROOT, Remote, free_port
from tests.waiting import eventually

RESTART = 2
"""Seconds until one that has crashed is started again: RestartSec in playlist-api.service."""

WORKERS = 2

COMMAND = ["-m", "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"]

# Sockets are handed over as sd_listen_fds(3) says.
WITH_SOCKET = """
import os, sys
given = int(sys.argv[1])
os.dup2(given, 3)
if given != 3:
    os.close(given)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""


class Supervised:
    """A gunicorn that is started again when it ends.

    One whose socket is held by the supervisor keeps nobody out while it is away: they queue.
    """

    def __init__(self, folder: Path, settings: Mapping[str, str], *, held: bool) -> None:
        folder.mkdir()
        self._log, self._errors = folder / "log", folder / "errors"
        self._read = {self._log: 0, self._errors: 0}
        self._settings = settings
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=2048) if held else None
        self.port: int = self._socket.getsockname()[1] if self._socket else free_port()
        self.crashes = 0
        self._ending, self._lock = False, Lock()
        self.process = self._launch()
        self._keeper = Thread(target=self._keep)
        self._keeper.start()

    def _launch(self) -> subprocess.Popen[bytes]:
        command, given = [sys.executable, *COMMAND], []
        if self._socket:
            given = [self._socket.fileno()]
            command = [sys.executable, "-c", WITH_SOCKET, str(given[0]), *COMMAND]
        with self._log.open("a") as log, self._errors.open("a") as errors:
            return subprocess.Popen(
                command,
                cwd=ROOT,
                env={**os.environ, **self._settings, "PORT": str(self.port)},
                pass_fds=given,
                stdout=log,
                stderr=errors,
            )

    def _keep(self) -> None:
        while True:
            status = self.process.wait()
            if self._ending:
                return
            if status:
                self.crashes += 1
                time.sleep(RESTART)
            with self._lock:
                if self._ending:
                    return
                self.process = self._launch()

    def workers(self) -> list[psutil.Process]:
        try:
            return [one for one in psutil.Process(self.process.pid).children() if lives(one)]
        except psutil.NoSuchProcess:
            return []

    def is_up(self) -> bool:
        """Tell whether it answers, with all its workers."""
        if len(self.workers()) != WORKERS:
            return False
        try:
            answer = Remote(f"http://127.0.0.1:{self.port}").send("GET", "/health/live", None, {})
        except OSError:
            return False
        return answer.status == 200

    def await_new(self, old: set[int]) -> None:
        """Return when it is up, and none of the old processes is left."""
        eventually(
            lambda: self.is_up() and not any(map(psutil.pid_exists, old)), "gunicorn is new", 60
        )

    def pids(self) -> set[int]:
        return {self.process.pid, *(worker.pid for worker in self.workers())}

    def complaints(self) -> list[str]:
        """Everything that it has complained of since this was asked last."""
        lines = [json.loads(line) for line in self._since(self._log).splitlines()]
        told = [line["msg"] for line in lines if line["level"] >= 50 and not is_answer(line)]
        return told + self._since(self._errors).splitlines()

    def _since(self, file: Path) -> str:
        with file.open() as log:
            log.seek(self._read[file])
            text = log.read()
            self._read[file] = log.tell()
        return text

    def close(self) -> None:
        with self._lock:
            self._ending = True
            self.process.terminate()
        self._keeper.join(timeout=60)
        if self._socket:
            self._socket.close()


def lives(process: psutil.Process) -> bool:
    """Tell whether a process is there, and more than a status that nobody has asked for."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def is_answer(line: Mapping[str, Any]) -> bool:
    """Tell whether a line is of a request that was told to come back or to look, or says why."""
    away = str(line["msg"]).startswith("The database is away")
    return line.get("statusCode") in {502, 503} or away


@contextmanager
def supervised(folder: Path, settings: Mapping[str, str], *, held: bool) -> Iterator[Supervised]:
    """Run a gunicorn."""
    service = Supervised(folder, settings, held=held)
    try:
        eventually(lambda: service.is_up() or service.crashes, "gunicorn is up")
        assert not service.crashes, service.complaints()  # noqa: S101
        yield service
    finally:
        service.close()
