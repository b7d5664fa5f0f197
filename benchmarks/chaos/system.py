"""What faults strike: nginx, gunicorn under a supervisor, a network, and PostgreSQL."""

import signal
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any

import psutil
import psycopg2
from sqlalchemy import make_url

from benchmarks.servers import SERVICE, Server, launch, migrate, settings
from dev.cluster import NAME, Cluster
from dev.nginx import Nginx, command, nginx
from dev.postgres import prepare
from dev.processes import eventually, free_port

RESTART = 2
"""Seconds until a crashed gunicorn is started again: RestartSec in playlist-api.service."""

ROLE = "service"
"""The service's user in PostgreSQL, whose connections can be limited."""

OF_SERVICE = f"FROM pg_stat_activity WHERE usename = '{ROLE}' AND"

NETWORK = """
error_log /dev/null;
events {{}}
stream {{ server {{ listen 127.0.0.1:{port}; proxy_pass unix:{socket}; }} }}
"""


@contextmanager
def frozen(server: int) -> Iterator[None]:
    """Stop a process and its children, and let them go on when the context is left."""
    process = psutil.Process(server)
    processes = [process, *process.children(recursive=True)]
    for each in processes:
        each.suspend()
    try:
        yield
    finally:
        for each in processes:
            with suppress(psutil.NoSuchProcess):
                each.resume()


class Database:
    """A PostgreSQL that waits for its disk."""

    def __init__(self, home: Path) -> None:
        prepare(home)
        options = {"max_connections": "200"}
        self.cluster = Cluster(home, home / "socket", throwaway=False, options=options)
        self.cluster.initialise()
        self.server: Popen[bytes] | None = None
        self.start()
        migrate(settings(self.cluster.url))
        self.run(f"CREATE ROLE {ROLE} LOGIN IN ROLE pg_read_all_data, pg_write_all_data")

    def start(self) -> None:
        """Start the server, and return when it answers."""
        eventually(self._is_up, "PostgreSQL is up", 60)

    def _is_up(self) -> bool:
        if self.server is None or self.server.poll() is not None:
            self.server = self.cluster.launch()  # None while an earlier server is ending
        return self.server is not None and self.cluster.answers()

    def end(self, how: signal.Signals) -> None:
        """End the server: SIGINT is a fast shutdown, SIGQUIT an immediate one."""
        assert self.server
        self.server.send_signal(how)
        self.server.wait(timeout=60)

    def run(self, statement: str) -> list[tuple[Any, ...]]:
        """Run a statement as the superuser."""
        with closing(self._connect()) as connection, connection.cursor() as cursor:
            connection.autocommit = True
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def locked(self, statement: str) -> Iterator[None]:
        """Hold the locks of a statement until the context is left."""
        with closing(self._connect()) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            yield
            connection.rollback()

    def terminate(self, which: str = "true") -> None:
        """Terminate the service's connections for which a condition is true."""
        self.run(f"SELECT pg_terminate_backend(pid) {OF_SERVICE} {which}")

    def is_idle(self) -> bool:
        """Tell whether no connection of the service is in use."""
        return not self.run(f"SELECT {OF_SERVICE} state IN ('active', 'idle in transaction')")

    def _connect(self) -> Any:
        host, port = str(self.cluster.sockets), self.cluster.port
        return psycopg2.connect(host=host, port=port, user=NAME, dbname=NAME)


class Supervised:
    """A gunicorn that is started again when it ends, as systemd does.

    If the supervisor holds the listening socket, clients queue while there is no gunicorn.
    """

    def __init__(self, log: Path, environment: Mapping[str, str], *, held: bool) -> None:
        self._log, self._environment, self._read = log, environment, 0
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=2048) if held else None
        self.port: int = self._socket.getsockname()[1] if self._socket else free_port()
        self.crashes, self._ending = 0, False
        self.server = self._launch()
        self._keeper = Thread(target=self._keep)
        self._keeper.start()

    def _launch(self) -> Server:
        fd = self._socket.fileno() if self._socket else None
        return launch(SERVICE, self._environment, self.port, log=self._log, listener=fd)

    def _keep(self) -> None:
        while True:
            status = self.server.process.wait()
            if status and not self._ending:
                self.crashes += 1
                time.sleep(RESTART)
            if self._ending:
                return
            self.server = self._launch()

    def renew(self, how: signal.Signals) -> None:
        """Send a signal, and return when there are new workers and no old ones."""
        old = {worker.pid for worker in self.server.workers()}
        self.server.process.send_signal(how)
        self.await_new(old)

    def await_new(self, old: set[int]) -> None:
        def is_new() -> bool:
            return self.server.is_up() and not any(map(psutil.pid_exists, old))

        eventually(is_new, "gunicorn is new", 60)

    def errors(self) -> list[str]:
        """Return the errors logged since the last call."""
        errors = self.server.errors()[self._read :]
        self._read += len(errors)
        return errors

    def close(self) -> None:
        self._ending = True
        self.server.process.terminate()
        self._keeper.join(timeout=60)
        if self._socket:
            self._socket.close()


class Network:
    """A network between the service and PostgreSQL: an nginx, which can be frozen or killed."""

    def __init__(self, folder: Path, cluster: Cluster) -> None:
        self._folder, self.port = folder, free_port()
        target = cluster.sockets / f".s.PGSQL.{cluster.port}"
        folder.mkdir()
        (folder / "nginx.conf").write_text(NETWORK.format(port=self.port, socket=target))
        self.start()

    def start(self) -> None:
        self.process = Popen(command(self._folder))

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=20)


@dataclass
class System:
    """Everything that runs."""

    database: Database
    network: Network
    services: list[Supervised] = field(default_factory=list)
    front: Nginx = field(init=False)


@contextmanager
def system(services: int = 1) -> Iterator[System]:
    """Start everything in a temporary folder: one gunicorn with a held socket, or several."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="playlist-chaos-")))
        folder.chmod(0o755)  # PostgreSQL runs as another user
        database = Database(folder / "postgres")
        stack.callback(database.end, signal.SIGQUIT)
        made = System(database, Network(folder / "network", database.cluster))
        stack.callback(made.network.end)
        url = make_url(database.cluster.url).set(username=ROLE, host="127.0.0.1", query={})
        database_url = url.set(port=made.network.port).render_as_string(hide_password=False)
        environment = settings(database_url, TRUSTED_PROXIES="1")
        for number in range(services):
            one = Supervised(folder / f"log{number}", environment, held=services == 1)
            stack.callback(one.close)
            made.services.append(one)
        for one in made.services:
            eventually(one.server.is_up, "gunicorn is up")
        made.front = stack.enter_context(nginx(*(one.port for one in made.services)))
        yield made
