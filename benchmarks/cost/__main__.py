"""Nasty inputs for every call, and what the dearest of them cost: `make cost`.

The application is called in a process of its own, on a throw-away PostgreSQL. The exit status is 1
when an input took more than its call's budget, or grew in cost faster than in size.
"""

import argparse
import signal
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

from flask_migrate import upgrade

from benchmarks.cost.audit import SMALL, Audit, whole
from benchmarks.cost.inputs import places
from benchmarks.cost.measure import Meter, owner_of, service
from benchmarks.report import table, write
from dev.postgres import running


def main() -> int:
    """Measure what was chosen, and print a table in Markdown."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is ended
    parser = argparse.ArgumentParser(description="Look for requests that cost too much.")
    parser.add_argument("--minutes", type=float, default=1e6, help="by default, until all is done")
    parser.add_argument("--seed", type=int, default=1, help="of the order of the inputs")
    parser.add_argument("--only", default="", help="a part of a call's name, like 'POST /movies'")
    parser.add_argument("--rows", type=int, default=100_000, help="of the list that is read")
    chosen = parser.parse_args()
    end = monotonic() + chosen.minutes * 60
    with (
        TemporaryDirectory(prefix="playlist-") as folder,
        running(Path(folder) / "db", throwaway=True) as url,
    ):
        app = service(url)
        with app.app_context():
            upgrade()
        document = app.extensions["openapi"]()
        found = [p for p in places(document) if chosen.only in f"{p.request.call} {p.field}"]
        with Meter(url, reader=owner_of(app, chosen.rows, chosen.rows // 10)) as meter:
            audit = Audit(meter)
            for check in whole(found, chosen.seed):
                if monotonic() > end:
                    break
                told = len(audit.findings)
                audit.check(*check)
                write(*audit.findings[told:])
            else:
                for place in found:
                    audit.check_kept(place, min(2 * SMALL, place.limit))
    report(audit)
    return bool(audit.findings)


def report(audit: Audit) -> None:
    """Print the dearest input of each call, and all that was wrong."""
    write("", f"{audit.requests:,} requests.", "")
    rows = [
        (call, f"{cpu:.1f}", slow, f"{memory:.1f}", large)
        for call, ((cpu, slow), (memory, large)) in audit.dearest.items()
    ]
    write(*table(("call", "CPU, ms", "of", "MiB more", "of"), rows))
    write("", *(audit.findings or ["Nothing was wrong."]))


if __name__ == "__main__":
    sys.exit(main())
