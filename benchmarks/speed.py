"""The speed of each call, and the memory of the workers: `make bench`.

The service runs as in production, but for rate limits, which are off, and its log, which goes to
/dev/null, on a PostgreSQL that waits for its disk. Figures differ by machine and hour. What counts
is the processor time of a request, of service and PostgreSQL together: as a multiple of what bare
gunicorn takes to say hello, and as a ratio to others that are measured in the same rounds:

- `--compare REV` measures another revision, with the dependencies of this one. It also measures
  this revision a second time, as a control: its ratio would be 1 if there were no noise.
- `PEER_URL` names a running back end of the same contract, on this machine or another. It gets
  users and 10,042 movies through its API.
"""

import argparse
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

from sqlalchemy import create_engine, make_url, text

from benchmarks import servers
from benchmarks.client import PASSWORD, Client, Connection
from benchmarks.load import CONNECTIONS, repeat_for, request, send
from benchmarks.report import counted, machine, table, write
from benchmarks.servers import ROOT, Server
from dev.postgres import running

SMALL, MIDDLE, LARGE = 42, 10_000, 100_000
"""Movies of the three users whose lists are read."""

WARM_UP = 1.0
"""Seconds of each case that are not counted: connections are opened and statements prepared."""

HEAD = (
    *("call", "of", "requests/s", "p50 ms", "p99 ms", "service ms", "PostgreSQL ms", "hellos"),
    *("requests/s ratio", "CPU ratio", "failed"),
)

MOVIE = {"title": "Heat", "year": "1995", "imageUrl": "https://example.com/heat.jpg"}

FILL = """
    INSERT INTO "Movie" (title, year, "imageUrl", "ownerId", "createdAt")
    SELECT 'Movie number ' || n, 1900 + n % 120, 'https://example.com/' || n || '.jpg',
        :owner, now() - n * interval '1 second'
    FROM generate_series(1, :movies) n
"""

Requests = list[bytes]


@dataclass
class Subject:
    """A service that is measured, its users by the length of their lists, and users who write."""

    name: str
    url: str
    servers: Sequence[Server] = ()
    """The service and PostgreSQL; none where their processor time cannot be measured."""
    database: str = ""
    owners: dict[int, Client] = field(default_factory=dict)
    writers: list[Client] = field(default_factory=list)

    def fill(self, *lists: int) -> None:
        """Sign users up and give them lists, through the API where the database is not known."""
        self.owners = {movies: self.user() for movies in lists}
        self.writers = [self.user() for _ in range(CONNECTIONS)]
        for movies, owner in self.owners.items():
            if self.database:
                execute(self.database, FILL, owner=owner.id, movies=movies)
            else:
                add = request("POST", "/movies", owner.token, MOVIE)
                load = send(self.url, repeat(add, movies))
                assert not load.failures, f"{self.name} cannot be filled: {load.failures}"

    def user(self) -> Client:
        user = Client(Connection(self.url).send)
        assert user.sign_up().status == 201, f"{self.name} signs nobody up"
        return user

    def log_in(self) -> None:
        """Have everybody log in: an access token lasts for 15 minutes."""
        for user in (*self.owners.values(), *self.writers):
            assert user.log_in().status == 200, f"{self.name} logs nobody in"


def reading(owner: int, path: str) -> Callable[[Subject], Requests]:
    """Return what makes the requests of a user who reads; none where there is no such user."""
    return lambda on: [request("GET", path, on.owners[owner].token)] if owner in on.owners else []


def one_movie(on: Subject) -> Requests:
    newest = on.owners[SMALL].call("GET", "/movies?page=1&limit=1").json["items"][0]["id"]
    return reading(SMALL, f"/movies/{newest}")(on)


def by_cursor(on: Subject) -> Requests:
    """Read on from the middle of the longest list."""
    if LARGE not in on.owners:
        return []
    middle = on.owners[LARGE].call("GET", f"/movies?page={LARGE // 40}&limit=20")
    next_page = re.search('<([^>]*[?&]cursor=[^>]*)>; *rel="?next', middle.headers.get("Link", ""))
    return reading(LARGE, next_page[1])(on) if next_page else []


def log_ins(on: Subject) -> Requests:
    users = [{"email": user.email, "password": PASSWORD} for user in on.writers]
    return [request("POST", "/auth/login", body=user) for user in users]


def additions(on: Subject) -> Requests:
    return [request("POST", "/movies", user.token, MOVIE) for user in on.writers]


CASES: dict[str, Callable[[Subject], Requests]] = {
    "GET /movies, 42 own": reading(SMALL, "/movies?page=1&limit=20"),
    "GET /movies, 10,000 own": reading(MIDDLE, "/movies?page=1&limit=20"),
    "GET /movies, 100,000 own": reading(LARGE, "/movies?page=1&limit=20"),
    "GET /movies?page=500, 10,000 own": reading(MIDDLE, "/movies?page=500&limit=20"),
    "GET /movies?cursor=…, 100,000 own": by_cursor,
    "GET /movies?sort=title, 100,000 own": reading(LARGE, "/movies?sort=title"),
    "GET /movies/{id}": one_movie,
    "GET /me": reading(SMALL, "/me"),
    "POST /movies, 16 users": additions,
    "POST /movies, one user": lambda on: additions(on)[:1],
    "POST /auth/login": log_ins,
}


class Run(NamedTuple):
    """A call in one round, and the milliseconds of processor time of one of its requests."""

    per_second: float
    p50: float
    p99: float
    service: float
    postgresql: float
    failures: Counter[str]
    hello: float
    """What a hello took in the same round."""

    @property
    def cpu(self) -> float:
        """What service and PostgreSQL took; 0 where it is not known."""
        return self.service + self.postgresql


Runs = dict[str, dict[str, list[Run]]]
"""The runs of each call by the names of the subjects, in order of the rounds."""


def measured(on: Subject, requests: Requests, seconds: float, hello: float = 0) -> Run:
    """Send the requests in turn for a time."""
    before = [server.cpu_seconds() for server in on.servers]
    load = send(on.url, repeat_for(seconds, requests))
    used = [server.cpu_seconds() - early for server, early in zip(on.servers, before, strict=True)]
    service, postgresql = [cpu / load.requests * 1000 for cpu in used] or (0.0, 0.0)
    per_second, p50, p99 = load.requests / load.seconds, load.percentile(50), load.percentile(99)
    return Run(per_second, p50, p99, service, postgresql, load.failures, hello)


def round_of(
    calls: Sequence[str], hello: Subject, subjects: Sequence[Subject], seconds: float
) -> Iterator[tuple[str, str, Run]]:
    """Measure each call of each subject, and bare gunicorn before each call."""
    for on in subjects:
        on.log_in()
    for call in calls:
        bare = measured(hello, [request("GET", "/")], seconds / 2)
        yield "hello", hello.name, bare._replace(hello=bare.service)
        for on in subjects:
            if requests := CASES[call](on):
                yield call, on.name, measured(on, requests, seconds, bare.service)


def rows(found: Runs) -> Iterator[Sequence[str]]:
    """Return the medians of the rounds, and the ratios of the first subject to the others."""
    for call, by_subject in found.items():
        first = next(iter(by_subject.values()))
        for subject, runs in by_subject.items():
            pairs = list(zip(first, runs, strict=True)) if runs is not first else []
            known = bool(runs[0].cpu)
            yield (
                call,
                subject,
                f"{median(run.per_second for run in runs):,.0f}",
                f"{median(run.p50 for run in runs):.1f}",
                f"{median(run.p99 for run in runs):.1f}",
                f"{median(run.service for run in runs):.3f}" if known else "",
                f"{median(run.postgresql for run in runs):.3f}" if known else "",
                f"{median(run.cpu / run.hello for run in runs):.1f}" if known else "",
                ratio([mine.per_second / theirs.per_second for mine, theirs in pairs]),
                ratio([mine.cpu / theirs.cpu for mine, theirs in pairs if known]),
                counted(sum((run.failures for run in runs), Counter())),
            )


def ratio(values: Sequence[float]) -> str:
    """Return the median and the range."""
    return f"{median(values):.2f} [{min(values):.2f}..{max(values):.2f}]" if values else ""


@contextmanager
def service(name: str, cluster: Path, postgresql_url: str, code: Path = ROOT) -> Iterator[Subject]:
    """Serve the code in a folder on a database of its own, with users and movies."""
    execute(postgresql_url, f'CREATE DATABASE "{name}"')
    database = make_url(postgresql_url).set(database=name).render_as_string(hide_password=False)
    environment = servers.settings(database)
    servers.migrate(environment, code)
    with servers.gunicorn(servers.SERVICE, environment, code=code) as server:
        made = Subject(name, server.url, (server, servers.postmaster(cluster)), database)
        made.fill(SMALL, MIDDLE, LARGE)
        execute(database, "VACUUM ANALYZE")
        execute(database, "CHECKPOINT")
        yield made


def execute(database: str, statement: str, **parameters: object) -> None:
    """Run a statement that is a transaction of its own."""
    engine = create_engine(database, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement), parameters)
    engine.dispose()


@contextmanager
def bench(compared: str, peer_url: str) -> Iterator[tuple[Subject, list[Subject]]]:
    """Start all that is measured: bare gunicorn, and this revision before all others."""
    with ExitStack() as stack:
        cluster = Path(stack.enter_context(TemporaryDirectory(prefix="playlist-")))
        url = stack.enter_context(running(cluster))
        bare = stack.enter_context(servers.gunicorn(servers.HELLO, {}))
        subjects = [stack.enter_context(service(revision(), cluster, url))]
        if compared:
            code = stack.enter_context(servers.checked_out(compared))
            subjects += [
                stack.enter_context(service("control", cluster, url)),
                stack.enter_context(service(compared, cluster, url, code)),
            ]
        if peer_url:
            subjects.append(Subject("peer", peer_url.rstrip("/")))
            subjects[-1].fill(SMALL, MIDDLE)
        yield Subject("bare gunicorn", bare.url, (bare, servers.postmaster(cluster))), subjects


def revision() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def main() -> int:
    """Measure, and print a table in Markdown; the exit status is 1 if a call failed."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the servers are stopped
    parser = argparse.ArgumentParser(description="Measure the speed of each call.")
    parser.add_argument("--compare", metavar="REV", default="", help="measure this revision too")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3, help="of each call in each round")
    parser.add_argument("--only", default="", help="a part of the names of the calls to measure")
    chosen = parser.parse_args()
    calls, found = [call for call in CASES if chosen.only in call], Runs()
    memory: dict[str, list[float]] = {}
    with bench(chosen.compare, os.environ.get("PEER_URL", "")) as (hello, subjects):
        for number in range(chosen.rounds + 1):
            seconds = chosen.seconds if number else WARM_UP
            for call, subject, run in round_of(calls, hello, subjects, seconds):
                if number:
                    found.setdefault(call, {}).setdefault(subject, []).append(run)
            for on in (on for on in subjects if on.servers):
                memory.setdefault(on.name, []).append(max(on.servers[0].memory()))
    write(
        f"{servers.WORKERS} workers, {CONNECTIONS} connections, {machine()}; medians of"
        f" {chosen.rounds} rounds of {chosen.seconds:g} s. The ratios are of the first revision to"
        " the others: more is better for requests/s, less for processor time (CPU).",
        "",
        *table(HEAD, rows(found), texts=2),
        "",
        *table(
            ["MB of a worker after", *(f"round {number}" for number in range(chosen.rounds + 1))],
            [[name, *(f"{size:.1f}" for size in sizes)] for name, sizes in memory.items()],
        ),
    )
    by_subject = [runs for subjects in found.values() for runs in subjects.values()]
    return int(any(run.failures for runs in by_subject for run in runs))


if __name__ == "__main__":
    sys.exit(main())
