"""The service on more than one machine, all of them here: `make bench OF=scale`.

Two instances of the API behind nginx, two PgBouncers, a primary and two replicas, one of which must
have each write before it is acknowledged. Of each one is killed in turn, under the load of people
who add movies and read their lists; what is killed is started again, and the primary's place is
taken by the replica that is furthest. PgBouncer is the machine's (on Debian: apt install
pgbouncer).
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
from flask_migrate import upgrade
from sqlalchemy import make_url

from benchmarks.people import Crowd, Tally
from benchmarks.speed import machine, write
from dev.cluster import NAME
from playlist_api.app import create_app
from tests.nginx import nginx
from tests.pgbouncer import PgBouncer, pgbouncer
from tests.replication import Postgres, Replica
from tests.service import ROOT, Remote, environment, free_port
from tests.waiting import eventually

SAFE = {"synchronous_commit": "on", "fsync": "on", "full_page_writes": "on"}
"""What a throw-away PostgreSQL has off."""

NOTICED = 2.0
"""Seconds until a supervisor starts again what was killed, or an operator acts."""


class Api:
    """An instance with one worker, on a port of its own."""

    def __init__(self, settings: dict[str, str]) -> None:
        self.port = free_port()
        self._environment = {**os.environ, **settings, "PORT": str(self.port)}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"]
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=self._environment, stdout=subprocess.DEVNULL
        )
        eventually(self._is_up, "an instance is up")

    def _is_up(self) -> bool:
        with suppress(OSError):
            live = Remote(f"http://127.0.0.1:{self.port}").send("GET", "/health/live", None, {})
            return live.status == 200
        return False

    def kill(self) -> None:
        if self._process and self._process.poll() is None:
            main = psutil.Process(self._process.pid)
            for process in [main, *main.children()]:
                process.kill()
            self._process.wait()


class Machines:
    """Everything that a deployment has, with one more of each than it needs."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.primary = Postgres(folder / "first", stack, **SAFE)
        self.primary.start()
        with create_app(environment(self.primary.url)).app_context():
            upgrade()
        self.replicas = [Replica(folder / name, stack, **SAFE) for name in ("one", "two")]
        for replica in self.replicas:
            replica.copy(self.primary)
            replica.start()
        self.wait_for_replicas()
        self.pools: list[PgBouncer] = [
            stack.enter_context(pgbouncer(self.primary.home, self.primary.url, size=8))
            for _ in range(2)
        ]
        database = "".join(f"&host=127.0.0.1:{pool.port}" for pool in self.pools)
        sockets = "".join(f"&host={make_url(each.url).query['host']}" for each in self.replicas)
        settings = environment(
            f"postgresql://{NAME}@/{NAME}?{database[1:]}",
            DATABASE_REPLICA_URL=f"postgresql://{NAME}@/{NAME}?load_balance_hosts=random{sockets}",
            WEB_CONCURRENCY="1",
        )
        self.instances = [Api(settings), Api(settings)]
        for instance in self.instances:
            stack.callback(instance.kill)
            instance.start()
        self.front = stack.enter_context(nginx(*(each.port for each in self.instances)))

    def wait_for_replicas(self) -> None:
        """Have whoever writes wait until one of the replicas has it on its disk."""
        names = ", ".join(replica.home.name for replica in self.replicas)
        self.primary.run(f"ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 ({names})'")
        self.primary.run("SELECT pg_reload_conf()")

    def replace_primary(self) -> None:
        """Do what an operator does when the primary is lost."""
        received = "SELECT pg_last_wal_receive_lsn() - '0/0'"
        furthest = max(self.replicas, key=lambda replica: replica.ask(received)[0])
        furthest.ask("SELECT pg_promote()")
        self.replicas.remove(furthest)
        self.primary = furthest
        for replica in self.replicas:
            replica.run(f"ALTER SYSTEM SET primary_conninfo = '{replica.source(furthest)}'")
            replica.run("SELECT pg_reload_conf()")
        self.wait_for_replicas()
        for pool in self.pools:
            pool.lead_to(furthest.url)
            pool.reload()


@contextmanager
def machines() -> Iterator[Machines]:
    """Start them all; they end with the context."""
    with TemporaryDirectory(prefix="playlist-") as name, ExitStack() as stack:
        Path(name).chmod(0o755)
        yield Machines(Path(name), stack)


def killed(victim: Api | PgBouncer | Replica) -> Callable[[], None]:
    """Kill it, and have it started again when that is noticed."""

    def fault() -> None:
        victim.kill()
        time.sleep(NOTICED)
        victim.start()

    return fault


def frozen(victim: Postgres) -> Callable[[], None]:
    """Have it answer nobody for a while."""

    def fault() -> None:
        victim.freeze()
        time.sleep(NOTICED)
        victim.thaw()

    return fault


def lost(all_of_them: Machines) -> Callable[[], None]:
    """Kill the primary, for good."""

    def fault() -> None:
        all_of_them.primary.kill()
        time.sleep(NOTICED)
        all_of_them.replace_primary()

    return fault


def main() -> int:
    """Kill one of each in turn, and print a table; 1 is the status if a write was lost."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is ended
    parser = argparse.ArgumentParser(description="Lose one machine of each kind under load.")
    parser.add_argument("--seconds", type=float, default=10, help="of load around each loss")
    parser.add_argument("--rounds", type=int, default=3, help="of all but the primary's loss")
    chosen = parser.parse_args()
    with machines() as found:
        faults = {
            "nothing": lambda: None,
            "an instance of the API": killed(found.instances[0]),
            "a PgBouncer": killed(found.pools[0]),
            "a replica": killed(found.replicas[0]),
            "a replica, frozen": frozen(found.replicas[1]),
        }
        crowd = Crowd(found.front)
        rows = [
            (name, crowd.during(fault, chosen.seconds))
            for _ in range(chosen.rounds)
            for name, fault in faults.items()
        ]
        rows.append(("the primary", crowd.during(lost(found), chosen.seconds)))
        added, missing, doubtful = crowd.check()
    write(f"{machine()}; killed, and back or replaced after {NOTICED:g} s and more.", "")
    write(*table(rows))
    write("", f"Acknowledged writes: {added}, lost: {missing}.")
    write(f"Writes refused with 503 that are there: {doubtful}.")
    return 1 if missing else 0


def table(rows: list[tuple[str, Tally]]) -> Iterator[str]:
    """Sum the rows of each name up."""
    yield "| lost | times | requests | failed | stale | failing for, s | slowest answer, s |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    for name in dict(rows):
        found = [tally for other, tally in rows if other == name]
        counts = [sum(getattr(t, part) for t in found) for part in ("requests", "failed", "stale")]
        worst = [max(getattr(t, part) for t in found) for part in ("failing", "slowest")]
        numbers = [f"{len(found)}", *map(str, counts), *(f"{each:.2f}" for each in worst)]
        yield f"| {name} | {' | '.join(numbers)} |"


if __name__ == "__main__":
    sys.exit(main())
