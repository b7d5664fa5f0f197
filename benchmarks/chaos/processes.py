"""Faults of the service's own processes, and what is done to them on purpose."""

import os
import signal
from functools import partial

from benchmarks.chaos.clients import Load
from benchmarks.chaos.fault import Fault
from benchmarks.chaos.supervisor import Supervised
from benchmarks.chaos.system import Scene, System
from tests.waiting import eventually


def worker_killed(system: System, _load: Load, _seconds: float) -> None:
    """Kill one worker in the midst of its requests."""
    workers = system.service.workers()
    workers[0].kill()
    system.service.await_new({workers[0].pid})


def master_killed(system: System, _load: Load, _seconds: float) -> None:
    """Kill the master; its workers notice, and end."""
    old, service = system.service.pids(), system.service
    os.kill(service.process.pid, signal.SIGKILL)
    eventually(lambda: service.process.pid not in old, "the supervisor starts another")
    service.await_new(old)


def told(system: System, _load: Load, _seconds: float, *, how: signal.Signals) -> None:
    """Tell each gunicorn in turn to begin anew, and wait until it has."""
    for service in system.services:
        renew(service, how)


def renew(service: Supervised, how: signal.Signals) -> None:
    old = {worker.pid for worker in service.workers()}
    os.kill(service.process.pid, how)
    service.await_new(old)


FAULTS = {
    "worker killed": Fault(worker_killed, complaints="was sent SIGKILL", live=False),
    "master killed": Fault(master_killed, live=False, crashes=1),
    "SIGTERM and start": Fault(partial(told, how=signal.SIGTERM), flawless=True, live=False),
    "HUP": Fault(partial(told, how=signal.SIGHUP), flawless=True),
    "rolling restart": Fault(
        partial(told, how=signal.SIGTERM), flawless=True, scene=Scene(services=2, held=False)
    ),
}
