"""Files of movies in and out, through gunicorn: `make bench OF=lists`, in ten minutes.

Each file is a Letterboxd export of the titles in tests/data, numbered so that none is there twice.
It is looked at (`dryRun`), imported, and imported again, onto an empty list and one of a million
movies; then lists are exported. Beside the times stand the memory of the worker that has grown
most, at rest and at its peak (VmRSS, VmHWM), and what somebody else waits for a page meanwhile.
"""

import argparse
import csv
import io
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from itertools import cycle, islice
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from threading import Event, Thread
from time import perf_counter
from urllib.parse import urlsplit

from benchmarks.report import header, row
from benchmarks.servers import Server
from benchmarks.speed import write
from benchmarks.subjects import LARGE, SMALL, Person, Subject, subject
from dev.postgres import running
from tests.service import ROOT

SAMPLE = ROOT / "tests" / "data" / "movies.csv"

ROWS = 10_000, 100_000

COLUMNS = ("what", "seconds", "MB at rest", "at the peak", "others' p50 ms", "p99 ms", "requests")


def letterboxd(rows: int) -> bytes:
    """Write an export of so many movies, none of which is there twice."""
    with SAMPLE.open(newline="") as sample:
        movies = cycle(list(csv.DictReader(sample)))
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(("Date", "Name", "Year", "Letterboxd URI"))
    for number, movie in enumerate(islice(movies, rows)):
        title = f"{movie['title']} {number}"
        writer.writerow(("2026-01-01", title, movie["year"], f"https://boxd.it/{number:x}"))
    return text.getvalue().encode()


class Waiting:
    """Somebody who asks for the first page of a short list again and again."""

    def __init__(self, on: Subject) -> None:
        self._on = on
        self._done = Event()
        self._times: list[float] = []
        self._thread = Thread(target=self._ask)

    def __enter__(self) -> "Waiting":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def figures(self) -> tuple[str, ...]:
        """Tell the median and the 99th percentile in milliseconds, and of how many."""
        times = [seconds * 1000 for seconds in self._times]
        return f"{median(times):.1f}", f"{quantiles(times, n=100)[98]:.1f}", f"{len(times):,}"

    def _ask(self) -> None:
        connection = connect(self._on)
        while not self._done.wait(0.01):
            started = perf_counter()
            ask(connection, "GET", "/movies?limit=20", self._on.owners[SMALL])
            self._times.append(perf_counter() - started)


def connect(on: Subject) -> HTTPConnection:
    """Open a connection to the service."""
    return HTTPConnection(urlsplit(on.server.url).netloc, timeout=600)


def ask(
    connection: HTTPConnection, method: str, path: str, person: Person, body: bytes | None = None
) -> int:
    """Send a request, read its answer bit by bit, and return how many bytes it has."""
    connection.request(method, path, body, {"Authorization": f"Bearer {person.token}"})
    answer, length = connection.getresponse(), 0
    while part := answer.read(64 * 1024):
        length += len(part)
    if answer.status != 200:
        raise SystemExit(f"{method} {path}: {answer.status}")
    return length


@contextmanager
def peaks(server: Server) -> Iterator[list[tuple[float, float]]]:
    """Give, at the end, what each worker had in memory at first, and its most since then."""
    workers = [Path(f"/proc/{worker.pid}") for worker in server.process.children()]
    for worker in workers:
        (worker / "clear_refs").write_text("5")  # the peak is from now on: see proc(5)
    resting = [kilobytes(worker, "VmRSS") for worker in workers]
    sizes: list[tuple[float, float]] = []
    yield sizes
    peak = [kilobytes(worker, "VmHWM") for worker in workers]
    sizes += [(low / 1000, high / 1000) for low, high in zip(resting, peak, strict=True)]


def kilobytes(worker: Path, name: str) -> int:
    """Read a figure of a process's memory."""
    lines = (worker / "status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def measured(
    on: Subject, what: str, method: str, path: str, person: Person, body: bytes | None = None
) -> None:
    """Write the row of a call."""
    with peaks(on.server) as sizes, Waiting(on) as waiting:
        started = perf_counter()
        ask(connect(on), method, path, person, body)
        seconds = perf_counter() - started
    resting, peak = max(sizes, key=lambda size: size[1] - size[0])
    write(row(what, f"{seconds:.2f}", f"{resting:.0f}", f"{peak:.0f}", *waiting.figures()))


def main() -> int:
    """Measure, and print a table in Markdown."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is ended
    parser = argparse.ArgumentParser(description="Measure files of movies in and out.")
    parser.add_argument("--large", type=int, default=LARGE, help="movies of the long list")
    chosen = parser.parse_args()
    with (
        TemporaryDirectory(prefix="playlist-") as folder,
        running(Path(folder)) as url,
        subject("lists", url, (SMALL, chosen.large)) as on,
    ):
        write(*header(*COLUMNS))
        for rows, newcomer in zip(ROWS, on.writers, strict=False):
            for owner, name in ((newcomer, "none"), (on.owners[chosen.large], f"{chosen.large:,}")):
                onto(on, owner, name, letterboxd(rows), f"{rows:,}")
            measured(on, f"exporting {rows:,}", "GET", "/movies/export?format=csv", newcomer)
        for wanted in ("json", "csv"):
            path = f"/movies/export?format={wanted}"
            what = f"exporting {chosen.large + sum(ROWS):,} as {wanted}"
            measured(on, what, "GET", path, on.owners[chosen.large])
    return 0


def onto(on: Subject, owner: Person, name: str, file: bytes, rows: str) -> None:
    """Look at a file, import it, and import it again."""
    on.enter("/auth/login")  # a token lasts for 15 minutes
    for what, path in (
        (f"looking at {rows}, {name} there", "/movies/import?dryRun=true"),
        (f"importing {rows}, {name} there", "/movies/import"),
        (f"importing {rows} again, {name} there before", "/movies/import"),
    ):
        measured(on, what, "POST", path, owner, file)


if __name__ == "__main__":
    sys.exit(main())
