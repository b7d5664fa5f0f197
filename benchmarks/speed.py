"""The speed of each call, beside the least that gunicorn can do: `make bench`.

The service runs as in production, but for limits, which are off, and its log, which goes to
/dev/null, on a PostgreSQL that waits for its disk, with two million movies. Figures differ by
machine and hour; what counts is the processor time of a request, of service and PostgreSQL
together, as a multiple of what bare gunicorn needs for a hello, both measured in turn.
`--compare REV` measures another revision in the same rounds, with the dependencies of this one.
"""

import argparse
import os
import platform
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import hashing
from benchmarks.load import CLIENTS, request
from benchmarks.plot import draw
from benchmarks.report import Result, Run, header, row, shares, table
from benchmarks.servers import WORKERS, Server, gunicorn, measure, postmaster
from benchmarks.subjects import LARGE, MIDDLE, OTHERS, SMALL, Subject, checked_out, subject
from dev.postgres import running
from tests.service import PASSWORD, ROOT

LISTS = SMALL, MIDDLE, LARGE

PLOT = ROOT / "instance" / "speed.png"

HELLO = (
    *("--config", "benchmarks/hello.py"),  # and not the one of the service
    *("--worker-class", "gthread", "--workers", "2", "--threads", "4"),
    *("--no-control-socket", "--log-level", "error"),
)
"""The calibration: gunicorn as it is, but for workers of the same kind."""

WARM_UP = 1.0
"""Seconds of each case that are not counted: connections are opened and statements planned."""

SEARCH = "search=number%20777"
"""Words of which one stands in all titles, and one begins a thousandth of them."""

Requests = list[bytes]
Runs = dict[tuple[str, str], list[Run]]


@dataclass(frozen=True)
class Case:
    """A call, what is sent in turn for it, and the most that it may cost, in hellos."""

    name: str
    goal: float | None
    requests: Callable[[Subject], Requests]
    hashes: bool = False


def reading(owner: int, path: str) -> Callable[[Subject], Requests]:
    """Have an owner read."""
    return lambda on: [request("GET", path, on.owners[owner].token)]


def finding(owner: int, path: str) -> Callable[[Subject], Requests]:
    """Have an owner find movies; nothing where that cannot be done, and the whole list comes."""

    def requests(on: Subject) -> Requests:
        found = on.get(path, owner).json
        return reading(owner, path)(on) if "next" in found["meta"] else []

    return requests


def one_movie(on: Subject) -> Requests:
    """Read the newest movie of a short list."""
    newest = on.get("/movies?limit=1", SMALL).json["items"][0]["id"]
    return [request("GET", f"/movies/{newest}", on.owners[SMALL].token)]


def deep_page(on: Subject) -> Requests:
    """Go on from the middle of the longest list, by cursor; nothing where there are none."""
    middle = on.get(f"/movies?page={LARGE // 40}&limit=20", LARGE)
    link = re.search('<([^>]*[?&]cursor=[^>]*)>; *rel="?next', middle.headers.get("Link", ""))
    return [request("GET", link[1], on.owners[LARGE].token)] if link else []


def post(on: Subject) -> Requests:
    """Have many people add a movie each, for changes of one list wait for each other."""
    movie = {"title": "Heat", "year": "1995", "imageUrl": "https://example.com/heat.jpg"}
    return [request("POST", "/movies", person.token, movie) for person in on.writers]


def log_in(on: Subject) -> Requests:
    """Have many people log in with the right password."""
    people = [{"email": person.email, "password": PASSWORD} for person in on.writers]
    return [request("POST", "/auth/login", body=person) for person in people]


CASES = [
    Case("GET /movies, 42 own", 6, reading(SMALL, "/movies?page=1&limit=20")),
    Case("GET /movies, 10,000 own", 6, reading(MIDDLE, "/movies?page=1&limit=20")),
    Case("GET /movies, 1,000,000 own", 6, reading(LARGE, "/movies?page=1&limit=20")),
    Case("GET /movies?page=500, 10,000 own", None, reading(MIDDLE, "/movies?page=500&limit=20")),
    Case("GET /movies?cursor=…, 1,000,000 own", 6, deep_page),
    Case("GET /movies?sort=title, 1,000,000 own", None, finding(LARGE, "/movies?sort=title")),
    Case("GET /movies?search=…, 42 own", None, finding(SMALL, "/movies?search=movie")),
    Case("GET /movies?search=…, 10,000 own", None, finding(MIDDLE, f"/movies?{SEARCH}")),
    Case("GET /movies?search=…, 1,000,000 own", None, finding(LARGE, f"/movies?{SEARCH}")),
    Case("GET /movies?year=…, 10,000 own", None, finding(MIDDLE, "/movies?year=1995")),
    Case("GET /movies/{id}", 3, one_movie),
    Case("GET /me", 3, reading(SMALL, "/me")),
    Case("POST /movies", 4.5, post),
    Case("POST /auth/login", None, log_in, hashes=True),
]


def measured(server: Server, postgres: Server, requests: Requests, seconds: float) -> Run:
    """Send the requests in turn for so many seconds."""
    load, (service, database) = measure(server.url, requests, seconds, server, postgres)
    per_second = load.requests / load.seconds
    p50, p99 = load.percentile(50), load.percentile(99)
    return Run(per_second, p50, p99, service, database, load.failures)


@dataclass(frozen=True)
class Bench:
    """All that is measured in turn."""

    hello: Server
    postgres: Server
    subjects: Mapping[str, Subject]

    def rounds(self, cases: Sequence[Case], number: int, seconds: float) -> Runs:
        """Return the runs of each case with each revision, and of bare gunicorn under ""."""
        for case in cases:
            list(self.each(case, WARM_UP))
        found: Runs = {}
        for _ in range(number):
            for on in self.subjects.values():
                on.enter("/auth/login")  # a token lasts for 15 minutes, all rounds may not
            for case in cases:
                for revision, run in self.each(case, seconds):
                    call = case.name if revision else "bare gunicorn"
                    found.setdefault((call, revision), []).append(run)
        return found

    def each(self, case: Case, seconds: float) -> Iterator[tuple[str, Run]]:
        """Measure each revision that has the call, and bare gunicorn just before."""
        argon2 = hashing.milliseconds(seconds) if case.hashes else 0
        for revision, on in self.subjects.items():
            if requests := case.requests(on):
                hello = measured(self.hello, self.postgres, [request("GET", "/")], seconds)
                yield "", replace(hello, hello=hello.service)
                run = measured(on.server, self.postgres, requests, seconds)
                yield revision, replace(run, hello=hello.service, argon2=argon2)


@contextmanager
def bench(compared: str | None) -> Iterator[Bench]:
    """Start all that is measured."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="playlist-")))
        url = stack.enter_context(running(folder))
        hello = stack.enter_context(gunicorn("benchmarks.hello:app", ROOT, {}, *HELLO))
        revisions = {described(): ROOT}
        if compared:
            revisions[compared] = stack.enter_context(checked_out(compared))
        subjects = {
            name: stack.enter_context(subject(name, url, LISTS, others=OTHERS, folder=code))
            for name, code in revisions.items()
        }
        yield Bench(hello, postmaster(folder), subjects)


def main() -> int:
    """Measure, print tables in Markdown, and draw a picture; 1 is the status if a call failed."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is ended
    parser = argparse.ArgumentParser(description="Measure the speed of each call.")
    parser.add_argument("--compare", metavar="REV", help="measure this revision too")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3, help="of each case in each round")
    parser.add_argument("--only", default="", help="measure the cases whose name has this in it")
    parser.add_argument("--plot", type=Path, default=PLOT, help="where the picture goes")
    chosen = parser.parse_args()
    cases = [case for case in CASES if chosen.only in case.name]
    with bench(chosen.compare) as on:
        found = on.rounds(cases, chosen.rounds, chosen.seconds)
        memory = {revision: subject.server.memory() for revision, subject in on.subjects.items()}
    goals = {case.name: case.goal for case in cases}
    hello, *results = (Result(*names, goals.get(names[0]), runs) for names, runs in found.items())
    write(f"{machine()}; medians of {chosen.rounds} rounds of {chosen.seconds:g} s.", "")
    write(*table(hello, results), "", *shares(results), "")
    write(*header("memory of a worker, MB", "PSS", "USS", "RSS"))
    for revision, workers in memory.items():
        write(*(row(revision, *(f"{size:.0f}" for size in sizes)) for sizes in workers))
    for case, revision in product(cases, memory):
        if (case.name, revision) not in found:
            write("", f"{revision} has no {case.name}.")
    if drawn := [result for result in results if not result.argon2]:
        chosen.plot.parent.mkdir(exist_ok=True)
        draw(chosen.plot, drawn)
        write("", f"The picture is {chosen.plot}.")
    return int(any(result.failures for result in (hello, *results)))


def machine() -> str:
    """Tell what the figures depend on."""
    return (
        f"{WORKERS} workers, {CLIENTS} clients, {os.cpu_count()} CPUs,"
        f" Python {platform.python_version()}"
    )


def described() -> str:
    """Name the revision that is checked out."""
    command = ["git", "describe", "--always", "--dirty"]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()


def write(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))


if __name__ == "__main__":
    sys.exit(main())
