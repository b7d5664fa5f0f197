"""PgBouncer in front of a PostgreSQL, by transaction."""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import make_url

from dev.cluster import NAME, PORT, unprivileged
from tests.service import free_port
from tests.waiting import eventually

SETTINGS = """
[databases]
* = host={sockets} port={postgres} user={user}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
auth_type = any
pool_mode = transaction
default_pool_size = {size}
max_client_conn = 500
server_login_retry = 1
query_wait_timeout = 3
"""


class PgBouncer:
    """A PgBouncer, which may be killed and started again, or sent to another server."""

    def __init__(self, folder: Path, size: int) -> None:
        self.folder = folder
        self.size = size
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def lead_to(self, url: str) -> None:
        """Have it lead to a PostgreSQL; one that runs does so from now on."""
        sockets = make_url(url).query["host"]
        settings = {"sockets": sockets, "postgres": PORT, "user": NAME, "port": self.port}
        self.settings.write_text(SETTINGS.format(**settings, size=self.size))

    @property
    def settings(self) -> Path:
        return self.folder / f"pgbouncer.{self.port}.ini"

    def start(self) -> None:
        # Like PostgreSQL, it does not run as root.
        unroot = unprivileged(self.folder) if os.geteuid() == 0 else []
        command = [*unroot, shutil.which("pgbouncer") or "", "-q", str(self.settings)]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        eventually(self._listens, "PgBouncer is up")

    def _listens(self) -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0

    def reload(self) -> None:
        """Have it read its settings, which may lead to another server."""
        if self.process:
            self.process.send_signal(signal.SIGHUP)

    def kill(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()

    @property
    def url(self) -> str:
        return f"postgresql+psycopg2://{NAME}@127.0.0.1:{self.port}/{NAME}"


@contextmanager
def pgbouncer(home: Path, url: str, size: int = 2) -> Iterator[PgBouncer]:
    """Run one with so many connections to the PostgreSQL in a folder; skip where there is none."""
    if not shutil.which("pgbouncer"):
        pytest.skip("pgbouncer is not on PATH (on Debian: apt install pgbouncer)")
    pool = PgBouncer(home, size)
    pool.lead_to(url)
    pool.start()
    try:
        yield pool
    finally:
        pool.kill()
