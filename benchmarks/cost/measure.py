"""What one request costs, in a process that may be lost.

The process has the application and calls it as gunicorn would, on a real PostgreSQL. It is ended by
the kernel when a request takes far more processor time than it may, and a new one goes on.
"""

import ctypes
import gc
import os
import re
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from importlib import import_module
from io import BytesIO
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import gettempdir
from time import process_time, sleep
from types import TracebackType
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

import psycopg2
from flask import Flask
from sqlalchemy import make_url

from benchmarks.client import Client, Send, in_process
from benchmarks.cost.inputs import Request
from benchmarks.servers import settings
from dev.defaults import with_defaults
from playlist_api.app import create_app

MIB = 1024 * 1024
KEPT_BY_MALLOC = 1024 * 1024
"""Bytes. Left alone, glibc raises its threshold to 32 MiB, and a peak hides in what was kept of the
one before."""

FILLING = (
    """INSERT INTO "Movie" (title, year, "ownerId")
    SELECT md5(n::text) || ' the movie', 1900 + n %% 120, %(owner)s
    FROM generate_series(1, %(movies)s) AS n""",
    """INSERT INTO "IdempotencyKey" (key, "userId", fields, "movieId", "createdAt", "expiresAt")
    SELECT repeat(md5(n || %(owner)s), 2), %(owner)s, repeat(md5(n::text), 2), n, now(),
           now() + interval '1 day'
    FROM generate_series(1, %(others)s) AS n""",
    """INSERT INTO "Picture" ("ownerId", name, bytes)
    SELECT %(owner)s, repeat(md5(n::text), 2) || '.png', 1000
    FROM generate_series(1, %(others)s) AS n""",
    'ANALYZE "Movie", "MovieCount", "IdempotencyKey", "Picture"',
)
"""Statements that fill a user's lists."""

READS = "GET", "HEAD", "OPTIONS"

Make = Callable[[str], Flask]


class Cost(NamedTuple):
    """What a request took."""

    status: int
    """0 where the process was ended in the midst of it."""
    cpu: float
    """Seconds, of the service and PostgreSQL."""
    memory: float
    """MiB, of the peak above what there was."""


def service(database_url: str) -> Flask:
    """Make the application whose requests are measured, without limits on how many."""
    media = {"MEDIA_STORAGE": media_of(os.getpid()), "MEDIA_URL": "http://localhost:3001/media"}
    return create_app(with_defaults(settings(database_url, **media)))


def media_of(process: int) -> str:
    return str(Path(gettempdir(), f"playlist-media-{process}"))


class Meter:
    """Measures requests, each in a process that is replaced when it is lost."""

    def __init__(self, database_url: str, make: Make = service, reader: str = "") -> None:
        """Take the database with its tables, what makes the application, and an e-mail.

        Who has that e-mail makes the reads, or somebody new with one movie.
        """
        self._arguments = database_url, f"{make.__module__}:{make.__qualname__}", reader
        self._lost = False
        self._start()

    def __enter__(self) -> "Meter":
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._stop()

    def measure(self, request: Request, most: float) -> Cost:
        """Send a request that is ended after so many seconds of processor time."""
        if self._lost:
            self.replace()
        try:
            self._pipe.send((request, most))
            cost: Cost = self._pipe.recv()
        except (EOFError, ConnectionError):
            self._lost = True
            return Cost(0, most, 0)
        return cost

    def replace(self) -> None:
        """Go on in a new process."""
        self._stop()
        self._start()

    def kept(self, requests: Sequence[Request], warm_up: int) -> float:
        """Return the MiB by which the process has grown after the requests behind the first few."""
        sizes = []
        for number, request in enumerate(requests, 1):
            self.measure(request, 10)
            if number in (warm_up, len(requests)):
                self._pipe.send(None)
                sizes.append(self._pipe.recv())
        return float(sizes[-1] - sizes[0])

    def _start(self) -> None:
        context = get_context("forkserver")  # which imports all this once
        context.set_forkserver_preload([__name__])
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, *self._arguments), daemon=True)
        self._process.start()
        theirs.close()
        self._lost = False

    def _stop(self) -> None:
        self._pipe.close()
        self._process.kill()
        self._process.join()
        shutil.rmtree(media_of(self._process.pid or 0), ignore_errors=True)


def _serve(pipe: Connection, database_url: str, made_by: str, reader: str) -> None:
    libc = ctypes.CDLL(None)
    libc.mallopt(-3, KEPT_BY_MALLOC)  # M_MMAP_THRESHOLD
    libc.mallopt(-1, KEPT_BY_MALLOC)  # M_TRIM_THRESHOLD
    sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115
    os.dup2(sys.stdout.fileno(), 2)
    module, name = made_by.split(":")
    app: Flask = getattr(import_module(module), name)(database_url)
    postgres = Postgres(database_url)
    caller = Caller(app, reader)
    gc.collect()
    gc.freeze()  # as gunicorn.conf.py does
    with suppress(EOFError):
        while True:
            order = pipe.recv()
            if order is None:
                gc.collect()
                libc.malloc_trim(0)
                pipe.send(_memory()["VmRSS"])
            else:
                pipe.send(_measured(caller, postgres, *order))


def _measured(caller: "Caller", postgres: "Postgres", request: Request, most: float) -> Cost:
    environ = caller.environ(request)
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before, started = _memory()["VmRSS"], process_time()
    signal.setitimer(signal.ITIMER_PROF, most)  # its signal ends the process, also inside of C
    status = caller.call(environ)
    if status == 202:  # work goes on after the answer
        _settle()
    cpu = process_time() - started
    signal.setitimer(signal.ITIMER_PROF, 0)
    cost = Cost(status, cpu + postgres.cpu(), _memory()["VmHWM"] - before)
    if request.security and request.method not in READS and status < 300:
        caller.changed(request)
        postgres.cpu()  # which is not the request's
    return cost


def _settle() -> None:
    used = -1.0
    while process_time() - used > 0.001:
        used = process_time()
        sleep(0.01)


def _memory() -> dict[str, float]:
    status = Path("/proc/self/status").read_text()
    return {name: int(kib) / 1024 for name, kib in re.findall(r"(Vm\w+):\s+(\d+) kB", status)}


def connect(database_url: str) -> Any:
    """Connect to PostgreSQL without the service's time-outs."""
    url = make_url(database_url).set(drivername="postgresql")
    return psycopg2.connect(url.render_as_string(hide_password=False))


def owner_of(app: Flask, movies: int, others: int) -> str:
    """Sign up a user with so many movies, idempotency keys and pictures, and return their e-mail.

    There are as many keys as pictures: `others` of each.
    """
    owner = Client(in_process(app))
    owner.sign_up()
    with connect(app.config["SQLALCHEMY_DATABASE_URI"]) as connection:
        cursor = connection.cursor()
        for statement in FILLING:
            cursor.execute(statement, {"owner": owner.id, "movies": movies, "others": others})
    return owner.email


class Postgres:
    """The processor time that a PostgreSQL on this machine spends on connections made from now on.

    It is 0 where the server is on another machine.
    """

    def __init__(self, database_url: str) -> None:
        with connect(database_url) as connection:
            status = Path(f"/proc/{connection.info.backend_pid}/status")
            parent = status.read_text().split("PPid:")[1].split()[0] if status.exists() else "0"
        self._server, self._seconds = Path("/proc", parent), 0.0
        self._others = self._children()
        self.cpu()

    def cpu(self) -> float:
        """Return the seconds that it took since this was asked before."""
        with suppress(OSError):
            ended = (self._server / "stat").read_text().rpartition(")")[2].split()
            ticks = (int(ended[13]) + int(ended[14])) / os.sysconf("SC_CLK_TCK")
            running = sum(map(_nanoseconds, self._children() - self._others)) / 1e9
            before, self._seconds = self._seconds, ticks + running
            return self._seconds - before
        return 0

    def _children(self) -> set[str]:
        with suppress(OSError):
            return set((self._server / "task" / self._server.name / "children").read_text().split())
        return set()


def _nanoseconds(pid: str) -> int:
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])
    return 0


class Caller:
    """Whoever calls: for reads somebody who stays, for changes somebody new after each of them."""

    def __init__(self, app: Flask, reader: str) -> None:
        self._app, self._send = app, in_process(app)
        self._reader, self._writer = _with_ids(self._send, reader), _with_ids(self._send)

    def changed(self, request: Request) -> None:
        """Have somebody new make the next change, if this one was of the account or the movie."""
        client, ids = self._writer
        movie = client.call("GET", f"/movies/{ids['movies']}")
        if movie.status != 200 or b"assword" in request.body:
            self._writer = _with_ids(self._send)

    def environ(self, request: Request) -> dict[str, Any]:
        """Make what gunicorn would make of the request."""
        client, ids = self._reader if request.method in READS else self._writer
        path = request.path.replace("{id}", ids.get(request.path.split("/")[1], ""))
        headers = {"Host": "localhost", **dict(tokens(client, request)), **dict(request.headers)}
        keys = {name: name.upper().replace("-", "_") for name in headers}
        fields = {
            key if key == "CONTENT_TYPE" else f"HTTP_{key}": headers[name]
            for name, key in keys.items()
        }
        if request.body:
            fields["CONTENT_LENGTH"] = str(len(request.body))
        return {
            "REQUEST_METHOD": request.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "RAW_URI": f"{path}?{request.query}",
            "QUERY_STRING": request.query,
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "3001",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "wsgi.url_scheme": "http",
            "wsgi.input": BytesIO(request.body),
            "wsgi.input_terminated": True,
            "wsgi.errors": sys.stderr,
            **fields,
        }

    def call(self, environ: dict[str, Any]) -> int:
        """Call the application, read its answer and return the status."""
        statuses: list[str] = []

        def start(status: str, *_: Any) -> Any:
            statuses.append(status)

        answer = self._app(environ, start)
        for _ in answer:
            pass
        if hasattr(answer, "close"):
            answer.close()
        return int(statuses[0][:3])


def _with_ids(send: Send, known: str = "") -> tuple[Client, dict[str, str]]:
    client = Client(send, known)
    entered = client.log_in() if known else client.sign_up()
    assert entered.status in {200, 201}
    session = client.call("GET", "/auth/sessions").json["items"][0]["id"]
    movies = client.call("GET", "/movies").json["items"]
    movies = movies or [client.call("POST", "/movies", {"title": "Heat"}).json]
    return client, {"movies": str(movies[0]["id"]), "auth": session}


def tokens(client: Client, request: Request) -> Iterator[tuple[str, str]]:
    """Name the headers that prove who calls, where the call asks for this."""
    if "accessToken" in request.security:
        yield "Authorization", f"Bearer {client.token}"
    if "refreshToken" in request.security:
        yield "Cookie", f"refreshToken={client.cookie}"
