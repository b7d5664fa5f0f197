"""A PostgreSQL that waits for its disk, to be ended, frozen and locked."""

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg2
from flask_migrate import upgrade
from sqlalchemy import make_url

from dev.cluster import NAME, Cluster
from dev.postgres import prepare
from playlist_api.app import create_app
from playlist_api.db.engine import db
from tests.service import environment
from tests.waiting import eventually

ROLE = "service"
"""Whom the service is to the database: nobody special, whose connections can be limited."""

OPTIONS = {"max_connections": "200"}

ON_A_SMALL_DISK = {**OPTIONS, "min_wal_size": "32MB", "max_wal_size": "48MB"}
"""Else its own log would fill the disk, and leave it no room to recover in."""

MAKE_ROLE = f"CREATE ROLE {ROLE} LOGIN IN ROLE pg_read_all_data, pg_write_all_data"

BUSY = f"""
    SELECT count(*) FROM pg_stat_activity
    WHERE usename = '{ROLE}' AND state IN ('active', 'idle in transaction')
"""
TERMINATE = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{ROLE}'"


@dataclass(frozen=True)
class WithVariables(Cluster):
    """A cluster whose server is started with some variables of the environment."""

    variables: Mapping[str, str] = field(default_factory=dict)

    def command(self, tool: str, *arguments: str) -> list[str]:
        given = [f"{name}={value}" for name, value in self.variables.items()]
        first = ["env", *given] if given and tool == "postgres" else []
        return [*first, *super().command(tool, *arguments)]


class Database:
    """A cluster in a folder."""

    def __init__(
        self, home: Path, variables: Mapping[str, str], options: Mapping[str, str]
    ) -> None:
        prepare(home)
        self.cluster = WithVariables(
            home,
            home / "socket",
            throwaway=False,
            options=options,
            variables=variables,
        )
        self._server: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where the service finds it, through its socket."""
        url = make_url(self.cluster.url).set(username=ROLE)
        return url.render_as_string(hide_password=False)

    @property
    def socket(self) -> str:
        return str(self.cluster.sockets / f".s.PGSQL.{self.cluster.port}")

    def make(self) -> None:
        """Start it for the first time, and make the tables."""
        self.cluster.initialise()
        self.start()
        with create_app(environment(self.cluster.url)).app_context():
            upgrade()
            db.session.remove()
            db.engine.dispose()
        self.run(MAKE_ROLE)

    def start(self) -> None:
        """Return once it answers."""
        eventually(self._is_up, "PostgreSQL is up", 60)

    def _is_up(self) -> bool:
        if self._server is None or self._server.poll() is not None:
            self._server = self.cluster.launch()  # none while an earlier one is ending
        return self._server is not None and self.cluster.answers()

    def end(self, how: signal.Signals) -> None:
        """End the server: SIGINT is fast, SIGQUIT immediate."""
        if self._server:
            self._server.send_signal(how)
            self._server.wait(timeout=60)

    def close(self) -> None:
        self.thaw()
        if self._server and self._server.poll() is None:
            self.end(signal.SIGQUIT)

    def freeze(self) -> None:
        for process in self._processes():
            process.suspend()

    def thaw(self) -> None:
        for process in self._processes():
            with suppress(psutil.NoSuchProcess):
                process.resume()

    def _processes(self) -> list[psutil.Process]:
        if not self._server or self._server.poll() is not None:
            return []
        main = psutil.Process(self._server.pid)
        return [main, *main.children(recursive=True)]

    def run(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Run a statement as whoever may do anything, on its own."""
        with closing(self.connect()) as connection, connection.cursor() as cursor:
            connection.autocommit = True
            cursor.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []

    def connect(self) -> Any:
        host, port = str(self.cluster.sockets), self.cluster.port
        return psycopg2.connect(host=host, port=port, user=NAME, dbname=NAME)

    @contextmanager
    def holding(self, statement: str) -> Iterator[None]:
        """Keep what a statement locks until the context is left."""
        with closing(self.connect()) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            yield
            connection.rollback()

    def is_idle(self) -> bool:
        """Tell whether nobody of the service is in the midst of something."""
        return bool(self.run(BUSY) == [(0,)])


@contextmanager
def database(
    home: Path, variables: Mapping[str, str], options: Mapping[str, str]
) -> Iterator[Database]:
    """Make a cluster in a folder, and run it."""
    made = Database(home, variables, options)
    os.environ.setdefault("LC_ALL", "C")
    try:
        made.make()
        yield made
    finally:
        made.close()
