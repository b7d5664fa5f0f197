"""`make run`: a database, its migrations and the server, until Ctrl-C."""

import errno
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from dotenv import dotenv_values
from sqlalchemy import create_engine, make_url
from sqlalchemy.exc import DBAPIError

from dev.cluster import PostgresError
from dev.defaults import with_defaults
from dev.postgres import running
from playlist_api.config import SettingsError, load_settings

ROOT = Path(__file__).parents[1]
DEFAULTS = {"APP_ENV": "development", "HOST": "127.0.0.1", "PORT": "3001"}
GLIBC_TUNABLES = "glibc.malloc.mmap_threshold=1048576:glibc.malloc.hugetlb=1"
"""Settings of the C library, as in the Dockerfile and the systemd unit: memory of a mebibyte and
more goes back to the system when it is free, in huge pages, which keep that cheap for password
hashes. By default each thread that ever held a large body keeps its memory."""
STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PORT_PATIENCE = 2  # seconds in which workers that lost their master give the port back
START_PATIENCE = 30  # seconds until the server answers
STOP_PATIENCE = 10  # seconds for requests under way
WELCOME = """
Playlist API serves on http://localhost:{PORT} until Ctrl-C. Sign up, for a start:

curl -X POST http://localhost:{PORT}/auth/signup -H 'Content-Type: application/json' \
-d '{{"name": "Ada", "email": "ada@example.com", "password": "correct horse battery"}}'
"""


class StartError(Exception):
    """The service cannot start; the message tells a person why."""


def main() -> int:
    """Serve until a signal comes; return the exit status."""
    exit_on_signals()
    try:
        environment = read_environment()
        check_settings(environment)
        check_port(environment["HOST"], environment["PORT"])
        with with_database(environment) as complete:
            migrate(complete)
            return serve(complete)
    except (StartError, SettingsError, PostgresError, OSError) as error:
        print(error, file=sys.stderr)
        return 1


def exit_on_signals() -> None:
    """Let the first signal end the program in order, undisturbed by further ones."""

    def stop(*_: object) -> None:
        for number in STOPS:
            signal.signal(number, signal.SIG_IGN)
        sys.exit()

    for number in STOPS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup makes it
            signal.signal(number, stop)


def read_environment() -> dict[str, str]:
    """Return the environment; what it lacks comes from `.env`, and then from the defaults."""
    written = {name: value for name, value in dotenv_values(ROOT / ".env").items() if value}
    environment = written | {name: value for name, value in os.environ.items() if value}
    defaults = DEFAULTS | {"LOG_FORMAT": "text" if sys.stdout.isatty() else "json"}
    return defaults | {name: value for name, value in environment.items() if value}


def check_settings(environment: dict[str, str]) -> None:
    """Have the application judge its settings before anything is started for it."""
    embedded = environment["APP_ENV"] == "development" and not environment.get("DATABASE_URL")
    given = environment | ({"DATABASE_URL": "postgresql:///"} if embedded else {})
    load_settings(with_defaults(given) if given["APP_ENV"] == "development" else given)


def check_port(host: str, port: str) -> None:
    """Make sure that the server will get its address."""
    if not re.fullmatch("[0-9]{1,5}", port) or not 0 < int(port) < 65536:
        raise StartError(f"PORT must be a number from 1 to 65535, not {port!r}.")
    deadline = time.monotonic() + PORT_PATIENCE
    while error := refusal(host.strip("[]"), int(port)):
        if error.errno != errno.EADDRINUSE:
            reason = str(error.strerror).partition(" (")[0]
            raise StartError(f"HOST={host} PORT={port} cannot be served: {reason}.")
        if time.monotonic() > deadline:
            raise StartError(f"Port {port} is in use; choose another: make run PORT=3002")
        time.sleep(0.1)


def refusal(host: str, port: int) -> OSError | None:
    """Return why the system lets no server listen there, or None if it does."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        return error
    return None


@contextmanager
def with_database(environment: dict[str, str]) -> Iterator[dict[str, str]]:
    """Yield the environment with a database: the one given or, in development, the embedded one."""
    if environment.get("DATABASE_URL"):
        check_database(environment["DATABASE_URL"])
        yield environment
    else:
        with running(ROOT / "instance" / "postgres") as url:
            address = ROOT / "instance" / "database_url"  # read by `flask` in another terminal
            address.touch(mode=0o600)
            address.write_text(f"{url}\n")
            yield environment | {"DATABASE_URL": url}


def check_database(text: str) -> None:
    """Make sure that the database answers, and tell no part of a password."""
    if text.count("@") > 1:  # what follows the first one would be taken for the host, and told
        raise StartError("DATABASE_URL must have each special character in it percent-encoded.")
    url = make_url(text).set(drivername="postgresql+psycopg2")
    try:
        create_engine(url, connect_args={"connect_timeout": 3}).connect().close()
    except DBAPIError as error:
        reason = str(error.orig).partition("\n")[0]
        raise StartError(f"DATABASE_URL leads to no database: {reason}") from None


def migrate(environment: dict[str, str]) -> None:
    """Bring the database's tables up to date."""
    done = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "wsgi", "db", "upgrade"],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        raise StartError(done.stdout.strip())


def serve(environment: dict[str, str]) -> int:
    """Run gunicorn until it ends; return its exit status."""
    with mortal_group() as group:
        gunicorn = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"],
            cwd=ROOT,
            env={"GLIBC_TUNABLES": GLIBC_TUNABLES} | environment,
            stdin=subprocess.DEVNULL,
            process_group=group,
        )
        try:
            if await_answer(gunicorn, environment["HOST"].strip("[]"), int(environment["PORT"])):
                print(WELCOME.format_map(environment), flush=True)
            status = gunicorn.wait()
            return status if status >= 0 else 128 - status  # as a shell tells of a signal
        finally:
            gunicorn.terminate()
            with suppress(subprocess.TimeoutExpired):
                gunicorn.wait(STOP_PATIENCE)


@contextmanager
def mortal_group() -> Iterator[int]:
    """Yield a process group that Ctrl-C spares and that ends with this process, even by kill -9."""
    leader = subprocess.Popen(
        ["sh", "-c", "read _; kill -TERM 0"], stdin=subprocess.PIPE, process_group=0
    )
    try:
        yield leader.pid
    finally:
        os.killpg(leader.pid, signal.SIGKILL)
        leader.communicate()


def await_answer(server: subprocess.Popen[bytes], host: str, port: int) -> bool:
    """Return True once the server is healthy, or False if it ends before."""
    deadline = time.monotonic() + START_PATIENCE
    while server.poll() is None:
        if healthy(host, port):
            return True
        if time.monotonic() > deadline:
            raise StartError(f"The server is not healthy after {START_PATIENCE} seconds.")
        time.sleep(0.05)
    return False


def healthy(host: str, port: int) -> bool:
    connection = HTTPConnection(host, port, timeout=3)
    with closing(connection), suppress(OSError, HTTPException):
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    return False


if __name__ == "__main__":
    sys.exit(main())
