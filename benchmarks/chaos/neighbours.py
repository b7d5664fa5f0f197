"""Faults of what is beside: Redis, the mail server, PgBouncer, the clock."""

import time

from benchmarks.chaos.clients import Caller, Load
from benchmarks.chaos.fault import Fault
from benchmarks.chaos.system import Scene, System

MAILS = 20


def redis_lost(system: System, _load: Load, seconds: float) -> None:
    """Freeze Redis for half of the time, and kill it for the other."""
    redis = system.redis
    assert redis  # noqa: S101
    redis.freeze()
    time.sleep(seconds / 2)
    redis.thaw()
    redis.kill()
    time.sleep(seconds / 2)
    redis.start()


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


def clock_off(system: System, _load: Load, seconds: float) -> None:
    """Do nothing but look: a clock is off all the time."""
    ((now,),) = system.database.run("SELECT extract(epoch FROM clock_timestamp())")
    assert abs(float(now) - time.time()) > 240, "both clocks agree"  # noqa: S101
    time.sleep(seconds)


FAULTS = {
    "Redis lost": Fault(redis_lost, 10, scene=Scene(redis=True), flawless=True),
    "mail server silent": Fault(
        mail_silent,
        5,
        scene=Scene(silent_mail=True),
        flawless=True,
        complaints="A mail could not be sent",
    ),
    "PgBouncer lost": Fault(bouncer_lost, 5, scene=Scene(bouncer=True)),
    "clock 5 minutes ahead": Fault(clock_off, 5, scene=Scene(clock="-5m"), flawless=True),
    "clock 5 minutes behind": Fault(clock_off, 5, scene=Scene(clock="+5m"), flawless=True),
}
