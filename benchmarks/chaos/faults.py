"""All faults: what is done, for how long, and what may come of it."""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from benchmarks.chaos.system import ROLE, System, frozen
from dev.processes import eventually


@dataclass(frozen=True)
class Fault:
    """A fault."""

    strike: Callable[[System, float], None]
    """Does it, lets it last for so many seconds, and returns when everything is back."""
    seconds: float = 0
    """How long it lasts in the full run."""
    services: int = 1
    flawless: bool = False
    """Whether no request may fail."""
    live: bool = True
    """Whether gunicorn can answer all the time."""
    crashes: int = 0
    """How often the fault itself ends gunicorn."""
    errors: str = "(?!)"
    """A pattern of the errors that the service may log."""


def worker_killed(system: System, _seconds: float) -> None:
    worker = system.services[0].server.workers()[0]
    worker.kill()
    system.services[0].await_new({worker.pid})


def master_killed(system: System, _seconds: float) -> None:
    service = system.services[0]
    master = service.server.process.pid
    old = {master, *(worker.pid for worker in service.server.workers())}
    os.kill(master, signal.SIGKILL)
    eventually(lambda: service.server.process.pid != master, "gunicorn is started again")
    service.await_new(old)


def renewed(system: System, _seconds: float, *, how: signal.Signals) -> None:
    """Send a signal to each gunicorn in turn, and wait until it has new workers."""
    for service in system.services:
        service.renew(how)


def restarted(system: System, seconds: float, *, how: signal.Signals) -> None:
    system.database.end(how)
    time.sleep(seconds)
    system.database.start()


def database_frozen(system: System, seconds: float) -> None:
    assert system.database.server
    with frozen(system.database.server.pid):
        time.sleep(seconds)


def network_silent(system: System, seconds: float) -> None:
    """Pass nothing on; what is sent meanwhile comes late, as TCP would send it again."""
    with frozen(system.network.process.pid):
        time.sleep(seconds)


def network_down(system: System, seconds: float) -> None:
    """Close all connections, and refuse new ones."""
    system.network.end()
    time.sleep(seconds)
    system.network.start()


def terminated(system: System, seconds: float) -> None:
    """Terminate connections in the midst of a transaction, where they wait for a lock."""
    with system.database.locked('LOCK TABLE "Movie" IN SHARE MODE'):
        time.sleep(seconds)
        system.database.terminate("(wait_event_type = 'Lock' OR state = 'idle in transaction')")


def locked(system: System, seconds: float, *, what: str) -> None:
    with system.database.locked(what):
        time.sleep(seconds)


def altered(system: System, seconds: float, *, to: str, back: str) -> None:
    """Alter the service's role, and end the connections that it has."""
    system.database.run(f"ALTER ROLE {ROLE} {to}")
    system.database.terminate()
    time.sleep(seconds)
    system.database.run(f"ALTER ROLE {ROLE} {back}")


ROWS = 'SELECT FROM "Movie" FOR UPDATE; SELECT FROM "MovieCount" FOR UPDATE'
SESSIONS = 'LOCK TABLE "Session" IN ACCESS EXCLUSIVE MODE'
MOVIES = 'LOCK TABLE "Movie" IN ACCESS EXCLUSIVE MODE'
FEW = partial(altered, to="CONNECTION LIMIT 2", back="CONNECTION LIMIT -1")
READ_ONLY = "default_transaction_read_only"
STANDBY = partial(altered, to=f"SET {READ_ONLY} = on", back=f"RESET {READ_ONLY}")
ROLLING = partial(renewed, how=signal.SIGTERM)

FAULTS = {
    "worker killed": Fault(worker_killed, errors="was sent SIGKILL", live=False),
    "master killed": Fault(master_killed, live=False, crashes=1),
    "SIGTERM and start": Fault(partial(renewed, how=signal.SIGTERM), flawless=True, live=False),
    "HUP": Fault(partial(renewed, how=signal.SIGHUP), flawless=True),
    "rolling restart": Fault(ROLLING, services=2, flawless=True),
    "PostgreSQL restarted, fast": Fault(partial(restarted, how=signal.SIGINT)),
    "PostgreSQL restarted, immediate": Fault(partial(restarted, how=signal.SIGQUIT)),
    "PostgreSQL killed": Fault(partial(restarted, how=signal.SIGKILL)),
    "PostgreSQL down": Fault(partial(restarted, how=signal.SIGINT), 30),
    "PostgreSQL frozen": Fault(database_frozen, 30),
    "network silent": Fault(network_silent, 12),
    "network down": Fault(network_down, 6),
    "backends terminated": Fault(terminated, 0.5),
    "connection limit": Fault(FEW, 6),
    "read-only": Fault(STANDBY, 6),  # as after a failover to a standby
    "rows locked": Fault(partial(locked, what=ROWS), 6),
    "movies locked": Fault(partial(locked, what=MOVIES), 6),
    "sessions locked": Fault(partial(locked, what=SESSIONS), 6),
}
