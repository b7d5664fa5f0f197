"""What workers keep in memory after a million requests: `make memory`.

The requests are those of `make bench`: nine read for every two that add a movie. Fifty times on
the way users log in, many at once, so that passwords are hashed and new tokens are seen. The figure
is PSS: of pages that workers share each counts its part.
"""

import argparse
import signal
import sys
from collections import Counter
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.load import send
from benchmarks.report import counted, line, table, write
from benchmarks.servers import WORKERS
from benchmarks.speed import CASES, Subject, log_ins, service
from dev.postgres import running

GOAL = 70
"""Megabytes that a worker may have at the end."""

SAMPLES = 50


def sampled(on: Subject, requests: int) -> int:
    """Print a row for each sample, and return 1 if the last is above the goal or a call failed."""
    server, failures, largest = on.servers[0], Counter[str](), list[float]()
    write(*table(["requests", *(f"worker {n + 1}, MB" for n in range(WORKERS))], [], texts=0))
    for sample in range(SAMPLES + 1):
        memory = server.memory()
        largest.append(max(memory))
        write(line([f"{requests * sample // SAMPLES:,}", *(f"{size:.1f}" for size in memory)]))
        if sample < SAMPLES:
            mix = [
                sent for name, make in CASES.items() if "login" not in name for sent in make(on)[:1]
            ]
            sent = islice(cycle(mix), requests // SAMPLES)
            failures += send(on.url, sent).failures + send(on.url, iter(log_ins(on))).failures
            on.log_in()
    grown = largest[-1] - largest[SAMPLES // 2]
    write("", f"The largest worker has {largest[-1]:.0f} MB of PSS; the goal is at most {GOAL}.")
    write(f"It grew by {grown:.1f} MB in the second half. Failed: {counted(failures)}.")
    return int(largest[-1] > GOAL or bool(failures))


def main() -> int:
    """Send the requests, and print the workers' memory as a table in Markdown."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the servers are stopped
    parser = argparse.ArgumentParser(description="Measure the workers' memory.")
    parser.add_argument("--requests", type=int, default=1_000_000)
    chosen = parser.parse_args()
    with (
        TemporaryDirectory(prefix="playlist-") as cluster,
        running(Path(cluster)) as url,
        service("memory", Path(cluster), url) as on,
    ):
        return sampled(on, chosen.requests)


if __name__ == "__main__":
    sys.exit(main())
