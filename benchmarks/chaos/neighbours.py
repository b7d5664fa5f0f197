"""Faults of what is beside: the mail server, PgBouncer, clocks."""

import time
from email.utils import parsedate_to_datetime

from benchmarks.chaos.clients import Caller, Load
from benchmarks.chaos.fault import Fault
from benchmarks.chaos.system import Scene, System
from tests.service import Remote

MAILS = 20


def mail_silent(system: System, load: Load, seconds: float) -> None:
    """Ask for mails while the mail server takes connections and says nothing."""
    client = Caller(system.front, load.samples)
    for number in range(MAILS):
        email = {"email": load.clients[number % len(load.clients)].email}
        client.ask("forgot", "POST", "/auth/password/forgot", email, expected={202})
        time.sleep(seconds / MAILS)
    client.close()


def bouncer_lost(system: System, _load: Load, seconds: float) -> None:
    """Kill PgBouncer, and start it after some time."""
    assert system.bouncer  # noqa: S101
    system.bouncer.kill()
    time.sleep(seconds)
    system.bouncer.start()


def database_clock_off(system: System, _load: Load, seconds: float) -> None:
    """Do nothing but look: the clock is off all the time."""
    ((now,),) = system.database.run("SELECT extract(epoch FROM clock_timestamp())")
    assert is_off(float(now))  # noqa: S101
    time.sleep(seconds)


def instance_clock_off(system: System, _load: Load, seconds: float) -> None:
    """Do nothing but look, as before: nginx sends each call to the next instance."""
    live = Remote(f"http://127.0.0.1:{system.service.port}").send("GET", "/health/live", None, {})
    assert is_off(parsedate_to_datetime(live.headers["Date"]).timestamp())  # noqa: S101
    time.sleep(seconds)


def is_off(now: float) -> bool:
    """Tell whether a clock is off by five minutes."""
    return 290 < abs(now - time.time()) < 310


APART = {"5 minutes ahead": 300, "5 minutes behind": -300}

FAULTS = {
    "mail server silent": Fault(
        mail_silent,
        5,
        scene=Scene(silent_mail=True),
        flawless=True,
        complaints="A mail could not be sent|Mail is dropped",  # no more than 100 wait
    ),
    "PgBouncer lost": Fault(bouncer_lost, 5, scene=Scene(bouncer=True)),
    **{
        f"PostgreSQL's clock {how}": Fault(
            database_clock_off, 5, scene=Scene(database_clock=by), flawless=True
        )
        for how, by in APART.items()
    },
    **{
        f"an instance's clock {how}": Fault(
            instance_clock_off, 5, scene=Scene(services=2, instance_clock=by), flawless=True
        )
        for how, by in APART.items()
    },
}
