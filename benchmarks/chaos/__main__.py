"""Faults, each several times, under load: `make chaos`.

Nothing is spared: PostgreSQL waits for its disk, nginx serves the shipped configuration with TLS.
All runs in a temporary folder, and clients are threads of this process. The exit status is 1 when
a promise was broken.
"""

import argparse
import gc
import os
import platform
import signal
import sys
from collections.abc import Mapping

import pytest

from benchmarks.chaos.fault import Fault
from benchmarks.chaos.faults import FAULTS
from benchmarks.chaos.results import Round, line, table, total
from benchmarks.chaos.rounds import CLIENTS, play
from benchmarks.chaos.supervisor import WORKERS
from benchmarks.chaos.system import LeftOut, Scene, system
from benchmarks.speed import write


def main() -> int:
    """Run what was chosen, and print a table in Markdown."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is ended
    parser = argparse.ArgumentParser(description="Prove the service against faults.")
    parser.add_argument("--repeat", type=int, default=10, help="how often each fault strikes")
    parser.add_argument("--seconds", type=float, default=60, help="the longest that a fault lasts")
    parser.add_argument("--only", action="append", default=[], help=f"one of {', '.join(FAULTS)}")
    chosen = parser.parse_args()
    if unknown := set(chosen.only) - set(FAULTS):
        parser.error(f"no such fault: {', '.join(sorted(unknown))}")
    faults = {name: FAULTS[name] for name in chosen.only or FAULTS}
    rounds: dict[str, list[Round]] = {}
    left_out: dict[str, str] = {}
    for scene in dict.fromkeys(fault.scene for fault in faults.values()):
        in_it = {name: fault for name, fault in faults.items() if fault.scene == scene}
        try:
            rounds |= played(scene, in_it, chosen.repeat, chosen.seconds)
        except (LeftOut, pytest.skip.Exception) as reason:
            left_out |= dict.fromkeys(in_it, str(reason))
    machine = f"{os.cpu_count()} CPUs, Python {platform.python_version()}"
    write("", f"{WORKERS} workers, {CLIENTS} clients, {machine}", "", *table(rounds, faults), "")
    write(total(rounds, faults), "")
    write(*(f"Left out: {name}, as {reason}." for name, reason in left_out.items()))
    return int(any(any(one.broken(faults[name])) for name in rounds for one in rounds[name]))


def played(
    scene: Scene, faults: Mapping[str, Fault], repeat: int, longest: float
) -> dict[str, list[Round]]:
    """Have each fault strike so often in one scene."""
    rounds: dict[str, list[Round]] = {}
    with system(scene) as on:
        for name, fault in faults.items():
            for _ in range(repeat):
                one = play(fault, on, min(fault.seconds, longest))
                rounds.setdefault(name, []).append(one)
                gc.freeze()  # else the clients stand still while all that they saw is looked over
                tell(name, one, fault)
    return rounds


def tell(name: str, one: Round, fault: Fault) -> None:
    """Print a round, and all that was wrong in it, while the others go on."""
    sys.stderr.write(f"{line(name, [one], fault)}\n")
    for text in dict.fromkeys([*one.broken(fault), *one.slow(fault)]):
        sys.stderr.write(f"  {text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
