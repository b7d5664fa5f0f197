"""Faults of PostgreSQL."""

import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from threading import Event

import psycopg2

from benchmarks.chaos.clients import Caller, Load
from benchmarks.chaos.database import ROLE, TERMINATE
from benchmarks.chaos.fault import Fault
from benchmarks.chaos.system import Scene, System

CROWD = 400
"""Requests at a time that need what is locked: more than both workers have threads."""

ARRIVAL = 0.01
"""Seconds between two of them: handshakes of all at once would be what takes the time."""

EACH = 50
"""Of them from one address, fewer than nginx lets it have."""

RETRY = 2
"""Seconds until one of the crowd asks again: it is to take all connections, not the processor."""

WAITING = f"SELECT count(*) FROM pg_stat_activity WHERE usename = '{ROLE}' AND {{}}"
IN_A_TRANSACTION = "(wait_event_type = 'Lock' OR state = 'idle in transaction')"


def restarted(
    system: System, _load: Load, seconds: float, *, how: signal.Signals = signal.SIGINT
) -> None:
    """End it in one way or the other, and start it again after some time."""
    system.database.end(how)
    time.sleep(seconds)
    system.database.start()


def frozen(system: System, _load: Load, seconds: float) -> None:
    """Have all its processes stand still."""
    system.database.freeze()
    time.sleep(seconds)
    system.database.thaw()


def terminated(system: System, _load: Load, seconds: float) -> None:
    """Terminate who is in the midst of a transaction, where they wait for a lock."""
    with system.database.holding('LOCK TABLE "Movie" IN SHARE MODE'):
        time.sleep(seconds)
        system.database.run(f"{TERMINATE} AND {IN_A_TRANSACTION}")


def held(system: System, _load: Load, seconds: float, *, lock: str) -> None:
    """Keep a lock that others need."""
    with system.database.holding(lock):
        time.sleep(seconds)


def exhausted(system: System, load: Load, seconds: float) -> None:
    """Have so many wait for a lock that no connection of the pools is left."""
    ended = Event()
    lock = 'LOCK TABLE "Session" IN ACCESS EXCLUSIVE MODE'
    with ThreadPoolExecutor(CROWD) as threads, system.database.holding(lock):
        for number in range(CROWD):
            token = load.clients[number % len(load.clients)].token
            caller = Caller(system.front, load.samples, f"127.0.1.{1 + number // EACH}")
            threads.submit(ask_until, ended, caller, token)
            time.sleep(ARRIVAL)
        time.sleep(seconds)
        ended.set()


def ask_until(ended: Event, caller: Caller, token: str) -> None:
    while not ended.wait(RETRY):
        caller.ask("crowd", "GET", "/me", expected={200}, Authorization=f"Bearer {token}")
    caller.close()


def limited(system: System, _load: Load, seconds: float) -> None:
    """Let the service have no more than two connections."""
    system.database.run(f"ALTER ROLE {ROLE} CONNECTION LIMIT 2")
    system.database.run(TERMINATE)
    time.sleep(seconds)
    system.database.run(f"ALTER ROLE {ROLE} CONNECTION LIMIT -1")


def read_only(system: System, _load: Load, seconds: float) -> None:
    """Refuse all writes, as after a failover to what is no primary yet."""
    system.database.run(f"ALTER ROLE {ROLE} SET default_transaction_read_only = on")
    system.database.run(TERMINATE)
    time.sleep(seconds)
    system.database.run(f"ALTER ROLE {ROLE} RESET default_transaction_read_only")


def full(system: System, _load: Load, seconds: float) -> None:
    """Fill its disk; when there is none for its log either it ends, and is started again."""
    ballast = system.database.cluster.home / "ballast"
    middle = time.monotonic() + seconds / 2
    with ballast.open("wb", buffering=0) as file:
        while (now := time.monotonic()) < middle + seconds / 2:
            with suppress(OSError):
                while file.write(bytes(4096)):
                    pass
            if now > middle:
                with suppress(psycopg2.Error):
                    system.database.run("SELECT pg_switch_wal()")
            time.sleep(0.1)
    ballast.unlink()
    system.database.start()


def locking(lock: str, seconds: float = 6) -> Fault:
    strike: Callable[[System, Load, float], None] = partial(held, lock=lock)
    return Fault(strike, seconds)


FAULTS = {
    "PostgreSQL restarted, fast": Fault(restarted),
    "PostgreSQL restarted, immediate": Fault(partial(restarted, how=signal.SIGQUIT)),
    "PostgreSQL killed": Fault(partial(restarted, how=signal.SIGKILL)),
    "PostgreSQL down": Fault(restarted, 30),
    "PostgreSQL frozen": Fault(frozen, 30),
    "backends terminated": Fault(terminated, 0.5),
    "connection limit": Fault(limited, 6),
    "pools exhausted": Fault(exhausted, 10),
    "rows locked": locking('SELECT FROM "MovieCount" FOR UPDATE'),
    "table locked": locking('LOCK TABLE "Movie" IN ACCESS EXCLUSIVE MODE'),
    "read-only": Fault(read_only, 6),
    "disk full": Fault(full, 8, scene=Scene(disk=192)),
}
