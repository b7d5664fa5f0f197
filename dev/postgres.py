"""PostgreSQL with no set-up.

This module is also a program: the keeper, one for each `running()`. It starts the server, or joins
the one that is up, and waits until its owner lets go of the pipe, by leaving the context or by
dying in whatever way. The last keeper to leave stops the server.
"""

import fcntl
import json
import os
import pwd
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

import psycopg2

from dev.cluster import PACKAGE, PORT, Cluster, PostgresError, taken

MAX_SOCKET_PATH = 103  # bytes on macOS; Linux allows 107


@contextmanager
def running(
    directory: Path,
    *,
    throwaway: bool = False,
    package: str = PACKAGE,
    options: Mapping[str, str] | None = None,
) -> Iterator[str]:
    """Serve the cluster in `directory`, made on first use, and yield its SQLAlchemy URL.

    The server is shared with whoever else serves the same directory, and listens on a private
    socket in it. A throwaway one trades safety for speed, and its directory is removed at the end.
    The options are PostgreSQL's own; they count for whoever starts the server, not who joins it.
    Raises PostgresError when there can be no server.
    """
    how = json.dumps({"throwaway": throwaway, "package": package, "options": options or {}})
    keeper = subprocess.Popen(
        [sys.executable, "-m", __name__, str(directory.absolute()), how],
        cwd=Path(__file__).parents[1],
        env={name: value for name, value in os.environ.items() if not name.startswith("PG")}
        | {"LC_ALL": "C", "TZ": "UTC"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        url = cast("IO[str]", keeper.stdout).readline().strip()
        if not url:
            raise PostgresError(cast("IO[str]", keeper.stderr).read().strip())
        yield url
    finally:
        keeper.communicate()


def keep(home: Path, **how: Any) -> None:
    """Serve `home`, print its URL, and stop when standard input ends if nobody else needs it."""
    prepare(home)
    with usable(home / "socket") as sockets, (home / "users.lock").open("w") as users:
        cluster = Cluster(home, sockets, **how)
        try:
            with turn(home):
                fcntl.flock(users, fcntl.LOCK_SH)
                cluster.initialise()
                cluster.start()
            print(cluster.url, flush=True)
            sys.stdin.read()
        finally:
            with turn(home):
                if taken(users):
                    cluster.stop()


def prepare(home: Path) -> None:
    """Make the folders, which as root are given to nobody."""
    for folder in (home, home / "socket"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.geteuid() == folder.stat().st_uid == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)


@contextmanager
def usable(sockets: Path) -> Iterator[Path]:
    """Yield a path of the folder that libpq can use, which is short and has no comma."""
    socket = os.fsencode(sockets / f".s.PGSQL.{PORT}")
    if len(socket) <= MAX_SOCKET_PATH and b"," not in socket:
        yield sockets
        return
    with tempfile.TemporaryDirectory() as folder:
        link = Path(folder, "s")
        link.symlink_to(sockets)
        yield link


@contextmanager
def turn(home: Path) -> Iterator[None]:
    """Let one keeper at a time start or stop the server."""
    with (home / "turn.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    try:
        keep(Path(sys.argv[1]), **json.loads(sys.argv[2]))
    except PostgresError as error:
        sys.exit(str(error))
    except psycopg2.Error as error:
        sys.exit(f"PostgreSQL does not serve {sys.argv[1]}: {str(error).splitlines()[0]}.")
    except OSError as error:
        sys.exit(f"PostgreSQL cannot use {sys.argv[1]}: {error.strerror}.")
