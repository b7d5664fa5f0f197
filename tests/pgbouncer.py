"""PgBouncer in front of a PostgreSQL, by transaction."""

import os
import shutil
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
default_pool_size = 2
max_client_conn = 500
server_login_retry = 1
query_wait_timeout = 3
"""


@contextmanager
def pgbouncer(home: Path, url: str) -> Iterator[str]:
    """Run one with two connections to the PostgreSQL in a folder, and yield its URL.

    The test is skipped where there is none.
    """
    program = shutil.which("pgbouncer")
    if not program:
        pytest.skip("pgbouncer is not on PATH (on Debian: apt install pgbouncer)")
    port = free_port()
    given = {"sockets": make_url(url).query["host"], "postgres": PORT, "user": NAME, "port": port}
    settings = home / "pgbouncer.ini"
    settings.write_text(SETTINGS.format(**given))
    # Like PostgreSQL, it does not run as root.
    unroot = unprivileged(home) if os.geteuid() == 0 else []
    command = [*unroot, program, "-q", str(settings)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: listens(port), "PgBouncer is up")
        yield f"postgresql+psycopg2://{NAME}@127.0.0.1:{port}/{NAME}"
    finally:
        process.kill()
        process.wait()


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
