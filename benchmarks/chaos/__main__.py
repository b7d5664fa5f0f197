"""Faults under load, each several times: `make chaos`.

PostgreSQL waits for its disk, and nginx serves with the shipped configuration and TLS. Clients are
threads of this process. The exit status is 1 if a promise was broken.
"""

import argparse
import gc
import signal
import sys

from benchmarks.chaos.faults import FAULTS, Fault
from benchmarks.chaos.rounds import HEAD, USERS, Round, play, row
from benchmarks.chaos.system import system
from benchmarks.report import line, machine, table, write
from benchmarks.servers import WORKERS


def main() -> int:
    """Play the faults, and print a table in Markdown."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the servers are stopped
    parser = argparse.ArgumentParser(description="Prove the service against faults.")
    parser.add_argument("--repeat", type=int, default=10, help="how often each fault strikes")
    parser.add_argument("--seconds", type=float, default=60, help="the longest that a fault lasts")
    parser.add_argument("--only", action="append", default=[], help=f"one of {', '.join(FAULTS)}")
    chosen = parser.parse_args()
    if unknown := set(chosen.only) - set(FAULTS):
        parser.error(f"no such fault: {', '.join(sorted(unknown))}")
    faults = {name: FAULTS[name] for name in chosen.only or FAULTS}
    rounds: dict[str, list[tuple[Round, Fault]]] = {name: [] for name in faults}
    for services in dict.fromkeys(fault.services for fault in faults.values()):
        names = [name for name, fault in faults.items() if fault.services == services]
        with system(services) as on:
            for name in names * chosen.repeat:
                fault = faults[name]
                one = play(fault, on, min(fault.seconds, chosen.seconds))
                rounds[name].append((one, fault))
                gc.freeze()  # else all samples are looked over while clients measure time
                told = [line(row(name, [(one, fault)])), *one.broken, *one.slow(fault)]
                sys.stderr.write("\n  ".join(dict.fromkeys(told)) + "\n")
    everything = [one for each in rounds.values() for one in each]
    write(f"{WORKERS} workers, {USERS} users, {machine()}", "")
    write(*table(HEAD, (row(*each) for each in [*rounds.items(), ("all", everything)])))
    return int(any(one.broken for one, _ in everything))


if __name__ == "__main__":
    sys.exit(main())
