"""PgBouncer between the service and PostgreSQL, which can be lost."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.chaos.database import Database
from dev.cluster import unprivileged
from tests.service import free_port
from tests.waiting import eventually

SETTINGS = """
[databases]
* = host={sockets} port={postgres}
[pgbouncer]
unix_socket_dir = {sockets}
listen_port = {port}
auth_type = trust
auth_file = {users}
pool_mode = transaction
default_pool_size = 10
max_client_conn = 200
"""


class Bouncer:
    """One in transaction mode."""

    def __init__(self, database: Database) -> None:
        self.port = free_port()
        home, sockets = database.cluster.home, database.cluster.sockets
        self._socket = sockets / f".s.PGSQL.{self.port}"
        configuration, users = home / "pgbouncer.ini", home / "users"
        users.write_text('"service" ""\n')
        users.chmod(0o644)
        text = SETTINGS.format(
            sockets=sockets, postgres=database.cluster.port, port=self.port, users=users
        )
        configuration.write_text(text)
        # Like PostgreSQL, it does not run as root.
        unroot = unprivileged(home) if os.geteuid() == 0 else []
        self._command = [*unroot, "pgbouncer", "-q", str(configuration)]
        self.start()

    def start(self) -> None:
        self._socket.unlink(missing_ok=True)
        self._process = subprocess.Popen(self._command)
        eventually(self._socket.exists, "PgBouncer is up")

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(timeout=20)


@contextmanager
def pgbouncer(database: Database) -> Iterator[Bouncer]:
    """Run a PgBouncer in front of a database."""
    bouncer = Bouncer(database)
    try:
        yield bouncer
    finally:
        bouncer.kill()
