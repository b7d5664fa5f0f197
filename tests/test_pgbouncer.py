"""The service behind PgBouncer in transaction mode: each transaction may have another process."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import make_url

from dev.cluster import NAME, PORT, unprivileged
from dev.postgres import running
from dev.processes import eventually
from playlist_api.app import create_app
from tests.support.roles import migrate
from tests.support.service import InProcess, environment, free_port, log_in, sign_up
from tests.test_isolation import MATRIX, ask

PEOPLE = 8
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

pytestmark = pytest.mark.skipif(
    not shutil.which("pgbouncer"), reason="pgbouncer is not on PATH (on Debian: apt install it)"
)


@pytest.fixture(scope="module")
def pool() -> Iterator[str]:
    """The URL of a PgBouncer with two connections to a PostgreSQL."""
    with tempfile.TemporaryDirectory(prefix="playlist-") as name:
        home, port = Path(name) / "postgres", free_port()
        Path(name).chmod(0o755)
        with running(home, throwaway=True) as url:
            migrate(url)
            sockets = make_url(url).query["host"]
            given = {"sockets": sockets, "postgres": PORT, "user": NAME, "port": port}
            (home / "pgbouncer.ini").write_text(SETTINGS.format(**given))
            # Like PostgreSQL, it does not run as root.
            unroot = unprivileged(home) if os.geteuid() == 0 else []
            command = [*unroot, "pgbouncer", "-q", str(home / "pgbouncer.ini")]
            with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
                try:
                    eventually(lambda: listens(port), "PgBouncer is up")
                    yield f"postgresql+psycopg2://{NAME}@127.0.0.1:{port}/{NAME}"
                finally:
                    process.kill()


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def one(pool: str) -> InProcess:
    return InProcess(create_app(environment(pool, RATELIMIT_ENABLED="true")))


@pytest.fixture
def other(pool: str) -> InProcess:
    return InProcess(create_app(environment(pool)))


def test_every_call_works(one: InProcess, other: InProcess) -> None:
    for service in (one, other):
        ada = sign_up(service)
        for route in sorted(MATRIX, key=lambda route: route == "DELETE /me"):
            if MATRIX[route][0] < 300:
                actor = log_in(ada)
                assert ask(route, actor, actor).status == MATRIX[route][0], route


def test_instances_that_share_two_processes_do_not_disturb_each_other(
    one: InProcess, other: InProcess
) -> None:
    def use(number: int) -> list[str]:
        ada = sign_up((one, other)[number % 2])
        for title in ("Heat", "Ronin", "Alien"):
            movie = ada.add_movie(title, year="1995")
            assert ada.get(f"/movies/{movie['id']}").json["title"] == title
            assert ada.patch(f"/movies/{movie['id']}", {"title": f"{title} 2"}).status == 200
            assert ada.get("/movies?limit=1").json["items"][0]["title"] == f"{title} 2"
        assert ada.delete(f"/movies/{movie['id']}").status == 204
        return [movie["title"] for movie in ada.get("/movies").json["items"]]

    with ThreadPoolExecutor(PEOPLE) as people:
        assert list(people.map(use, range(PEOPLE))) == [["Ronin 2", "Heat 2"]] * PEOPLE
