"""A primary and a streaming replica, on sockets of their own."""

import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import psutil
import psycopg2
from sqlalchemy import make_url

from dev.cluster import NAME, PORT, Cluster
from dev.postgres import prepare, running
from tests.waiting import eventually

COPY = ["--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--no-sync"]


class Source(Protocol):
    """A server that replicas can be made of."""

    @property
    def url(self) -> str:
        """Its address, as SQLAlchemy takes it, at a socket in a folder."""


class Postgres:
    """A server in a folder, which can be frozen, killed and started again."""

    def __init__(self, home: Path, stack: ExitStack, **options: str) -> None:
        self.home = home
        self._stack = stack
        self._options = options
        self.url = ""

    def start(self) -> None:
        """Return once it answers."""
        server = running(self.home, throwaway=True, options=self._options)
        self.url = self._stack.enter_context(server)

    def ask(self, statement: str) -> Any:
        """Return the first row of a statement's answer."""
        return self._send(statement, lambda cursor: cursor.fetchone())

    def run(self, statement: str) -> None:
        """Send a statement of which nobody wants an answer."""
        self._send(statement, lambda _: None)

    def _send(self, statement: str, read: Callable[[Any], Any]) -> Any:
        url = make_url(self.url).set(drivername="postgresql")
        connection = psycopg2.connect(url.render_as_string(hide_password=False))
        connection.autocommit = True
        with closing(connection), connection.cursor() as cursor:
            cursor.execute(statement)
            return read(cursor)

    def freeze(self) -> None:
        """Have it keep all connections, and answer nobody."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it as a loss of power would; only its memory is lost."""
        killed = self._signal(signal.SIGKILL)
        eventually(lambda: not any(map(lives, killed)), "it is dead")

    def _signal(self, number: int) -> list[psutil.Process]:
        pid = int((self.home / "data" / "postmaster.pid").read_text().split()[0])
        postmaster = psutil.Process(pid)
        processes = [postmaster, *postmaster.children()]
        for process in processes:
            with suppress(ProcessLookupError):
                os.kill(process.pid, number)
        return processes


def lives(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.status() != psutil.STATUS_ZOMBIE
    return False


class Replica(Postgres):
    """A copy that follows another server."""

    def copy(self, primary: Source) -> None:
        """Make it of what the primary has."""
        prepare(self.home)
        cluster = Cluster(self.home, self.home / "socket", throwaway=True)
        source = self.source(primary)
        cluster.run("pg_basebackup", f"--pgdata={cluster.data}", f"--dbname={source}", *COPY)

    def source(self, primary: Source) -> str:
        """Return the address to follow a server at, with the replica's name, its folder's."""
        sockets = make_url(primary.url).query["host"]
        return f"host={sockets} port={PORT} user={NAME} application_name={self.home.name}"

    def pause(self) -> None:
        """Have it show nothing new."""
        self.ask("SELECT pg_wal_replay_pause()")
        paused = "SELECT pg_get_wal_replay_pause_state() = 'paused'"
        eventually(lambda: self.ask(paused)[0], "it is paused")

    def resume(self) -> None:
        self.ask("SELECT pg_wal_replay_resume()")

    def follow(self, primary: Postgres) -> None:
        """Wait until it shows all that the primary has."""
        (written,) = primary.ask("SELECT pg_current_wal_lsn()")
        shown = f"SELECT pg_last_wal_replay_lsn() >= '{written}'"
        eventually(lambda: self.ask(shown)[0], "the replica has it all")


@contextmanager
def replicated(**options: str) -> Iterator[tuple[Postgres, Replica]]:
    """Run a primary and a replica of it, with PostgreSQL's own options."""
    # What waits to be written is not sent to replicas either.
    options = {"synchronous_commit": "on", **options}
    with tempfile.TemporaryDirectory(prefix="playlist-") as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)
        primary = Postgres(folder / "primary", stack, **options)
        primary.start()
        replica = Replica(folder / "replica", stack, **options)
        replica.copy(primary)
        replica.start()
        yield primary, replica
