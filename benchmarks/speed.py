"""The speed of each call, beside the least that gunicorn can do: `python -m benchmarks.speed`.

The service runs as in production, on a PostgreSQL that waits for its disk, with two million rows.
Figures differ by machine and hour; what counts is the processor time of a request, of service and
PostgreSQL together, as a multiple of what bare gunicorn needs for a hello, both measured in turn.
`--compare REV` measures the code of another revision in the same rounds. Requests are sent by wrk.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from sqlalchemy import create_engine, make_url, text

from benchmarks.servers import Server, gunicorn, postmaster
from dev.postgres import running
from tests.service import PASSWORD, ROOT, Actor, Remote, call, environment

CONNECTIONS = 16
"""Clients at a time: some for each of two cores, as a proxy would keep."""

SMALL, MIDDLE, LARGE, OTHERS = 42, 10_000, 1_000_000, 990_000
"""Movies of the three owners that are measured, and of a hundred others."""

SCRIPT = """
wrk.method = os.getenv("METHOD")
wrk.body = os.getenv("BODY")
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = os.getenv("AUTHORIZATION")
function done(summary, latency, requests)
  local errors = summary.errors
  io.stderr:write(string.format(
    '{"requests": %d, "seconds": %f, "p50": %f, "p99": %f, "failed": %d}',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3,
    latency:percentile(99) / 1e3,
    errors.status + errors.connect + errors.read + errors.write + errors.timeout))
end
"""

MOVIES = """
    INSERT INTO "Movie" (title, year, "imageUrl", "ownerId", "createdAt")
    SELECT 'Movie number ' || n, (1900 + n % 120)::text, 'https://example.com/' || n || '.jpg',
        :owner, now() - n * interval '1 second'
    FROM generate_series(1, :movies) n
"""
OTHER_USERS = """
    INSERT INTO "User" (id, name, email, password)
    SELECT gen_random_uuid(), 'Other', n || '@others.example', '' FROM generate_series(1, 100) n
"""
OTHER_MOVIES = """
    INSERT INTO "Movie" (title, year, "ownerId", "createdAt")
    SELECT 'Movie number ' || n, (1900 + n % 120)::text, others.ids[1 + n % 100],
        now() - n * interval '1 second'
    FROM generate_series(1, :movies) n,
        (SELECT array_agg(id) AS ids FROM "User" WHERE name = 'Other') others
"""


@dataclass(frozen=True)
class Subject:
    """A revision of the service, with owners of lists of three sizes."""

    server: Server
    owners: dict[int, Actor]
    movie: int


@dataclass(frozen=True)
class Request:
    """What is sent again and again."""

    url: str
    token: str = ""
    method: str = "GET"
    body: str = ""


@dataclass(frozen=True)
class Case:
    """A call, and the most that it may cost, as a multiple of a hello."""

    name: str
    goal: float | None
    request: Callable[[Subject], Request]


@dataclass(frozen=True)
class Run:
    """What a round measured: times in milliseconds."""

    per_second: float
    p50: float
    p99: float
    service: float
    postgres: float


def page(owner: int, number: int = 1) -> Callable[[Subject], Request]:
    """Ask for a page of an owner's list."""
    query = f"/movies?page={number}&limit=20"
    return lambda on: Request(on.server.url + query, on.owners[owner].token)


def post(on: Subject) -> Request:
    """Add a movie."""
    body = json.dumps({"title": "Heat", "year": "1995"})
    return Request(f"{on.server.url}/movies", on.owners[SMALL].token, "POST", body)


def log_in(on: Subject) -> Request:
    """Log in with the right password."""
    body = json.dumps({"email": on.owners[SMALL].email, "password": PASSWORD})
    return Request(f"{on.server.url}/auth/login", "", "POST", body)


CASES = [
    Case("GET /movies, 42 own", 6, page(SMALL)),
    Case("GET /movies, 10,000 own", 6, page(MIDDLE)),
    Case("GET /movies, 1,000,000 own", 6, page(LARGE)),
    Case("GET /movies?page=500, 10,000 own", None, page(MIDDLE, 500)),
    Case(
        "GET /movies/{id}",
        3,
        lambda on: Request(f"{on.server.url}/movies/{on.movie}", on.owners[SMALL].token),
    ),
    Case("GET /me", 3, lambda on: Request(f"{on.server.url}/me", on.owners[SMALL].token)),
    Case("POST /movies", 4.5, post),
    Case("POST /auth/login", None, log_in),
]


def measure(server: Server, postgres: Server, sent: Request, seconds: int, script: Path) -> Run:
    """Send a request for so many seconds, and tell what it took."""
    before = server.cpu_seconds(), postgres.cpu_seconds()
    told = subprocess.run(
        ["wrk", f"-c{CONNECTIONS}", "-t1", f"-d{seconds}", "-s", script, sent.url],
        env={
            **os.environ,
            "METHOD": sent.method,
            "AUTHORIZATION": f"Bearer {sent.token}",
            "BODY": sent.body,
        },
        capture_output=True,
        text=True,
        check=True,
    )
    after = server.cpu_seconds(), postgres.cpu_seconds()
    found = json.loads(told.stderr)
    if found["failed"]:
        raise SystemExit(f"{found['failed']} of {found['requests']} failed: {sent.url}")
    service, database = (
        (late - early) / found["requests"] * 1000 for early, late in zip(before, after, strict=True)
    )
    per_second = found["requests"] / found["seconds"]
    return Run(per_second, found["p50"], found["p99"], service, database)


@contextmanager
def subject(name: str, folder: Path, server_url: str) -> Iterator[Subject]:
    """Serve the code in a folder on a database of its own, with its rows."""
    with create_engine(server_url, isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}"'))
    database = make_url(server_url).set(database=name).render_as_string(hide_password=False)
    settings = environment(database)
    migrate = [sys.executable, "-m", "flask", "--app", "wsgi", "db", "upgrade"]
    subprocess.run(
        migrate, cwd=folder, env={**os.environ, **settings}, capture_output=True, check=True
    )
    with gunicorn("wsgi:app", folder, settings, "-c", "gunicorn.conf.py") as server:
        yield load(server, database)


def load(server: Server, database: str) -> Subject:
    """Sign the owners up, and fill the tables."""
    owners = {movies: _sign_up(server, f"ada{movies}") for movies in (SMALL, MIDDLE, LARGE)}
    with create_engine(database).begin() as connection:
        for movies, owner in owners.items():
            connection.execute(text(MOVIES), {"owner": owner.user["id"], "movies": movies})
        connection.execute(text(OTHER_USERS))
        connection.execute(text(OTHER_MOVIES), {"movies": OTHERS})
    with create_engine(database, isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text("VACUUM ANALYZE"))
    listed = owners[SMALL].get("/movies?limit=1").json
    return Subject(server, owners, listed["items"][0]["id"])


def _sign_up(server: Server, name: str) -> Actor:
    account = {"name": name, "email": f"{name}@example.com", "password": PASSWORD}
    return Actor(Remote(server.url), account["email"]).hold(
        call(Remote(server.url), "POST", "/auth/signup", account)
    )


def compared(revision: str, folder: Path) -> Path:
    """Check a revision out into a folder of its own."""
    archive = subprocess.run(
        ["git", "archive", revision], cwd=ROOT, capture_output=True, check=True
    )
    folder.mkdir()
    subprocess.run(["tar", "-x"], cwd=folder, input=archive.stdout, check=True)
    return folder


def report(hellos: list[Run], found: dict[tuple[str, str], list[Run]]) -> Iterator[str]:
    """Make a table of medians; the last columns are multiples of a hello, and the goal."""
    hello = median(run.service for run in hellos)
    yield "| call | requests/s | p50 | p99 | service | PostgreSQL | of a hello | at most |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    per_second = median(run.per_second for run in hellos)
    yield f"| bare gunicorn | {per_second:,.0f} | | | {hello:.3f} | | 1 | |"
    goals = {case.name: case.goal for case in CASES}
    for (revision, name), runs in found.items():
        service = median(run.service for run in runs)
        postgres = median(run.postgres for run in runs)
        figures = [
            f"{name} {revision}".strip(),
            f"{median(run.per_second for run in runs):,.0f}",
            f"{median(run.p50 for run in runs):.1f}",
            f"{median(run.p99 for run in runs):.1f}",
            f"{service:.3f}",
            f"{postgres:.3f}",
            f"{(service + postgres) / hello:.1f}",
            f"{goals[name] or ''}",
        ]
        yield f"| {' | '.join(figures)} |"


def main() -> None:
    """Measure, and print a table in Markdown."""
    parser = argparse.ArgumentParser(description="Measure the speed of each call.")
    parser.add_argument("--compare", metavar="REV", help="measure this revision too")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3, help="of each case in each round")
    parser.add_argument("--only", default="", help="measure the cases whose name has this in it")
    chosen = parser.parse_args()
    if not shutil.which("wrk"):
        raise SystemExit("wrk is needed, which sends the requests; on Debian: apt install wrk")
    cases = [case for case in CASES if chosen.only in case.name]
    with TemporaryDirectory(prefix="playlist-") as name, ExitStack() as stack:
        folder = Path(name)
        (script := folder / "wrk.lua").write_text(SCRIPT)
        url = stack.enter_context(running(folder / "postgres"))
        postgres = postmaster(folder / "postgres")
        bare = gunicorn("benchmarks.hello:app", ROOT, {}, *HELLO)
        hello = stack.enter_context(bare)
        subjects = {"": stack.enter_context(subject("now", ROOT, url))}
        if chosen.compare:
            there = compared(chosen.compare, folder / "compared")
            subjects[chosen.compare] = stack.enter_context(subject("then", there, url))
        hellos: list[Run] = []
        found: dict[tuple[str, str], list[Run]] = {}
        for _ in range(chosen.rounds):
            for case in cases:
                hellos.append(measure(hello, postgres, Request(hello.url), chosen.seconds, script))
                for revision, on in subjects.items():
                    run = measure(on.server, postgres, case.request(on), chosen.seconds, script)
                    found.setdefault((revision, case.name), []).append(run)
        memory = {revision: on.server.megabytes() for revision, on in subjects.items()}
    sys.stdout.write("\n".join(report(hellos, found)) + "\n")
    for revision, megabytes in memory.items():
        sys.stdout.write(f"\nLargest worker {revision}: {megabytes:.0f} MB\n")


HELLO = ("--worker-class", "gthread", "--threads", "4", "--workers", "2", "--no-control-socket")
"""The calibration: gunicorn as it is, but for a worker of the same kind."""


if __name__ == "__main__":
    main()
