"""What faults strike: gunicorn, PostgreSQL and the network between them, behind nginx."""

import signal
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
import psycopg2
from sqlalchemy import make_url

from benchmarks.servers import SERVICE, launch, migrate, settings
from dev.cluster import NAME, Cluster
from dev.nginx import Nginx, command, nginx
from dev.postgres import prepare
from dev.processes import eventually, free_port

ROLE = "service"
"""The service's user in PostgreSQL, whose connections can be limited."""

OF_SERVICE = f"FROM pg_stat_activity WHERE usename = '{ROLE}' AND"

NETWORK = """
error_log /dev/null;
events {{}}
stream {{ server {{ listen 127.0.0.1:{port}; proxy_pass unix:{socket}; }} }}
"""


class Part:
    """A server that can be ended, started again and frozen."""

    process: psutil.Process

    def start(self) -> None:
        """Start it, and return when it is up."""
        raise NotImplementedError

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Send a signal, and return when the process and its children have ended."""
        processes = [self.process, *self.process.children(recursive=True)]
        self.process.send_signal(how)
        _, alive = psutil.wait_procs(processes, timeout=60)
        assert not alive

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop the process and its children, and let them go on when the context is left."""
        processes = [self.process, *self.process.children(recursive=True)]
        for each in processes:
            each.suspend()
        yield
        for each in processes:
            with suppress(psutil.NoSuchProcess):
                each.resume()


class Database(Part):
    """A PostgreSQL that waits for its disk."""

    def __init__(self, home: Path) -> None:
        prepare(home)
        options = {"max_connections": "200"}
        self.cluster = Cluster(home, home / "socket", throwaway=False, options=options)
        self.cluster.initialise()
        self.start()
        migrate(settings(self.cluster.url))
        self.run(f"CREATE ROLE {ROLE} LOGIN IN ROLE pg_read_all_data, pg_write_all_data")

    def start(self) -> None:
        server = eventually(self.cluster.launch, "no process of an earlier server is left")
        assert server
        self._server, self.process = server, psutil.Process(server.pid)
        eventually(self.cluster.answers, "PostgreSQL is up", 60)

    def end(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT is a fast shutdown, SIGQUIT an immediate one."""
        super().end(how)
        self._server.wait()

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


class Service(Part):
    """A gunicorn with the service.

    As under systemd its listening socket may be held open, so that clients queue while it is away.
    """

    def __init__(self, log: Path, environment: Mapping[str, str], *, held: bool) -> None:
        self._log, self._environment, self._errors = log, environment, 0
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=2048) if held else None
        self.port: int = self._socket.getsockname()[1] if self._socket else free_port()
        self.start()

    def start(self) -> None:
        listener = self._socket.fileno() if self._socket else None
        how = (SERVICE, self._environment, self.port)
        self.server = launch(*how, log=self._log, listener=listener)
        self.process = self.server.process
        self.await_new()

    def await_new(self, *old: psutil.Process) -> None:
        """Return when the old processes have ended, and all workers are up."""
        psutil.wait_procs(old, timeout=60)
        eventually(self.server.is_up, "gunicorn is up", 60)

    def errors(self) -> list[str]:
        """Return the errors logged since the last call."""
        errors = self.server.errors()[self._errors :]
        self._errors += len(errors)
        return errors

    def close(self) -> None:
        self.end()
        if self._socket:
            self._socket.close()


class Network(Part):
    """A network between the service and PostgreSQL, made of an nginx."""

    def __init__(self, folder: Path, cluster: Cluster) -> None:
        self._folder, self.port = folder, free_port()
        target = cluster.sockets / f".s.PGSQL.{cluster.port}"
        folder.mkdir()
        (folder / "nginx.conf").write_text(NETWORK.format(port=self.port, socket=target))
        self.start()

    def start(self) -> None:
        self.process = psutil.Popen(command(self._folder))


@dataclass
class System:
    """Everything that runs."""

    database: Database
    network: Network
    services: list[Service] = field(default_factory=list)
    front: Nginx = field(init=False)

    @property
    def parts(self) -> Mapping[str, Sequence[Part]]:
        return {
            "gunicorn": self.services,
            "PostgreSQL": [self.database],
            "network": [self.network],
        }


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
            service = Service(folder / f"log{number}", environment, held=services == 1)
            stack.callback(service.close)
            made.services.append(service)
        made.front = stack.enter_context(nginx(*(service.port for service in made.services)))
        yield made
