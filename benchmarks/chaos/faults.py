"""All faults: what is done, for how long, and what may come of it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from signal import SIGHUP, SIGINT, SIGKILL, SIGQUIT, SIGTERM, Signals

from benchmarks.chaos.system import ROLE, System


@dataclass(frozen=True)
class Fault:
    """A fault.

    `strike` does it, lets it last for so many seconds, and returns when everything is back.
    """

    strike: Callable[[System, float], None]
    seconds: float = 0
    """How long it lasts in the full run."""
    services: int = 1
    flawless: bool = False
    """Whether no request may fail."""
    live: bool = True
    """Whether gunicorn can answer all the time."""
    errors: str = "(?!)"
    """A pattern of the errors that the service may log."""


def worker_killed(system: System, _seconds: float) -> None:
    worker = system.services[0].server.workers()[0]
    worker.kill()
    system.services[0].await_new(worker)


def reloaded(system: System, _seconds: float) -> None:
    old = system.services[0].server.workers()
    system.services[0].server.process.send_signal(SIGHUP)
    system.services[0].await_new(*old)


def ended(system: System, seconds: float, *, part: str, how: Signals = SIGTERM) -> None:
    """End one part of the system, or each of its kind in turn, and start it again."""
    for each in system.parts[part]:
        each.end(how)
        time.sleep(seconds)
        each.start()


def frozen(system: System, seconds: float, *, part: str) -> None:
    """Stop a part's processes: the network then keeps what is sent, and passes it on later."""
    with system.parts[part][0].frozen():
        time.sleep(seconds)


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


ROWS = partial(locked, what='SELECT FROM "Movie" FOR UPDATE; SELECT FROM "MovieCount" FOR UPDATE')
MOVIES = partial(locked, what='LOCK TABLE "Movie" IN ACCESS EXCLUSIVE MODE')
SESSIONS = partial(locked, what='LOCK TABLE "Session" IN ACCESS EXCLUSIVE MODE')
LIMIT, READ_ONLY = "CONNECTION LIMIT", "default_transaction_read_only"
FEW = partial(altered, to=f"{LIMIT} 2", back=f"{LIMIT} -1")
STANDBY = partial(altered, to=f"SET {READ_ONLY} = on", back=f"RESET {READ_ONLY}")
gunicorn, postgresql = partial(ended, part="gunicorn"), partial(ended, part="PostgreSQL")

FAULTS = {
    "worker killed": Fault(worker_killed, errors="was sent SIGKILL", live=False),
    "gunicorn killed": Fault(partial(gunicorn, how=SIGKILL), live=False),
    "gunicorn restarted": Fault(gunicorn, flawless=True, live=False),
    "gunicorn reloaded": Fault(reloaded, flawless=True),
    "rolling restart": Fault(gunicorn, services=2, flawless=True),
    "PostgreSQL restarted, fast": Fault(partial(postgresql, how=SIGINT)),
    "PostgreSQL restarted, immediate": Fault(partial(postgresql, how=SIGQUIT)),
    "PostgreSQL killed": Fault(partial(postgresql, how=SIGKILL)),
    "PostgreSQL down": Fault(partial(postgresql, how=SIGINT), 30),
    "PostgreSQL frozen": Fault(partial(frozen, part="PostgreSQL"), 30),
    "network silent": Fault(partial(frozen, part="network"), 12),
    "network down": Fault(partial(ended, part="network"), 6),
    "backends terminated": Fault(terminated, 0.5),
    "connection limit": Fault(FEW, 6),
    "read-only": Fault(STANDBY, 6),  # as after a failover to a standby
    "rows locked": Fault(ROWS, 6),
    "movies locked": Fault(MOVIES, 6),
    "sessions locked": Fault(SESSIONS, 6),
}
