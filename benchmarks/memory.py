"""What workers keep in memory after a million requests: `make bench OF=memory`.

Nine of ten requests read, the others add, change or delete a movie. Fifty times on the way people
log in, many at once, so that passwords are hashed and each worker meets a thousand tokens. What
counts is PSS: workers share what was loaded before they were forked, and PSS gives each its part.
"""

import argparse
import re
import signal
import sys
from collections import Counter, deque
from collections.abc import Iterator
from itertools import count, cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.load import request, send
from benchmarks.report import described, header, row
from benchmarks.servers import WORKERS
from benchmarks.speed import CASES, LISTS, log_in, write
from benchmarks.subjects import OTHERS, Subject, subject
from dev.postgres import running

GOAL = 70
"""Megabytes that a worker may have at the end."""

SAMPLES = 50

LOCATION = re.compile(rb"\r\nlocation: (/movies/\d+)", re.I)


class Mix:
    """Requests of all kinds without end; what they change is the first writer's."""

    def __init__(self, on: Subject) -> None:
        self._on = on
        self._added = deque[str]()

    def __iter__(self) -> Iterator[bytes]:
        """Make them with the tokens that people hold now."""
        reads = cycle(
            [
                sent
                for case in CASES
                if case.name.startswith("GET")
                for sent in case.requests(self._on)
            ]
        )
        for number in count():
            yield next(reads) if number % 10 else self._change(number // 10)

    def heard(self, answer: bytes) -> None:
        """Remember a movie that was added."""
        if added := LOCATION.search(answer):
            self._added.append(added[1].decode())

    def _change(self, number: int) -> bytes:
        token = self._on.writers[0].token
        if number % 3 and len(self._added) > 50:  # the oldest of which nobody is changing any more
            if number % 3 == 1:
                return request("PATCH", self._added[-1], token, {"year": "1996"})
            return request("DELETE", self._added.popleft(), token)
        return request("POST", "/movies", token, {"title": "Heat", "year": "1995"})


def main() -> int:
    """Send the requests and print what the workers take; 1 is the status of too much."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is ended
    parser = argparse.ArgumentParser(description="Measure the workers' memory.")
    parser.add_argument("--requests", type=int, default=1_000_000)
    chosen = parser.parse_args()
    with (
        TemporaryDirectory(prefix="playlist-") as folder,
        running(Path(folder)) as url,
        subject("memory", url, LISTS, others=OTHERS) as on,
    ):
        return sampled(on, chosen.requests)


def sampled(on: Subject, requests: int) -> int:
    """Print a row for each sample, and whether the last of them is as it should be."""
    mix, failures, done, largest = Mix(on), Counter[str](), 0, list[float]()
    figures = [f"{name} {n}" for n in range(1, WORKERS + 1) for name in ("PSS", "USS", "RSS")]
    write(*header("requests", *figures))
    for sample in range(SAMPLES + 1):
        memory = on.server.memory()
        largest.append(max(pss for pss, _, _ in memory))
        write(row(f"{done:,}", *(f"{size:.1f}" for sizes in memory for size in sizes)))
        part = islice(mix, requests * (sample + 1) // SAMPLES - done)
        if sample < SAMPLES:
            load = send(on.server.url, part, heard=mix.heard)
            logins = send(on.server.url, iter(log_in(on)))
            failures += load.failures + logins.failures
            done += load.requests
            on.enter("/auth/login")
    grown = largest[-1] - largest[SAMPLES // 2]
    write("", f"The largest worker has {largest[-1]:.0f} MB of PSS; the goal is at most {GOAL}.")
    write(f"It grew by {grown:.1f} MB in the second half. Failed: {described(failures) or 0}.")
    return int(largest[-1] > GOAL or bool(failures))


if __name__ == "__main__":
    sys.exit(main())
