"""A round: load, a fault, recovery, and whether all promises were kept."""

import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import inf

from benchmarks.chaos.clients import Load, Sample, Verdict
from benchmarks.chaos.faults import Fault
from benchmarks.chaos.system import System
from benchmarks.report import counted
from dev.processes import eventually

USERS = 8

BEFORE, AFTER = 0.7, 1.5
"""Seconds of load before and after a fault."""

MAX_LIVE, MAX_RECOVERY, MAX_ANSWER = 0.1, 1.0, 7.0
"""Seconds for what needs no database; from the end of the fault to the first good answer; for any
answer, whatever is silent."""

NO_DATABASE = "live", "forged token"
"""Clients whose calls need no database."""

HEAD = (
    *("fault", "times", "requests", "busy", "acknowledged", "lost", "refused but done"),
    *("in doubt", "worst answer s", "worst live ms", "worst recovery s", "promises broken"),
)


@dataclass
class Round:
    """What came of one strike of a fault."""

    samples: Sequence[Sample]
    recovered: float
    """When everything was back, by the clock of the samples."""
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    """The promises that were broken."""

    @property
    def worst(self) -> float:
        return max((sample.seconds for sample in self.samples), default=0)

    @property
    def worst_live(self) -> float:
        times = [s.seconds for s in self.samples if s.client in NO_DATABASE and s.expected]
        return max(times, default=0)

    @property
    def recovery(self) -> float:
        """The seconds until the first good answer of the database; infinite if none came."""
        good = [s.ended for s in self.samples if s.expected and s.client == "user"]
        return min((end for end in good if end > self.recovered), default=inf) - self.recovered

    def judge(self, fault: Fault) -> None:
        """Look for broken promises in the samples."""
        for sample in self.samples:
            reachable = fault.live and sample.client in NO_DATABASE
            if sample.client in {"forged token", "ended session"} and 200 <= sample.status < 300:
                self.broken.append(f"a token was let in: {sample.client}")
            elif sample.problem:
                self.broken.append(sample.problem)
            elif not sample.expected and (fault.flawless or reachable):
                self.broken.append(f"failed: {sample.call} with {sample.status or 'no answer'}")
        if self.recovery == inf:
            self.broken.append("no good answer after recovery")

    def slow(self, fault: Fault) -> Iterator[str]:
        """Return what took too long, which may be the fault of a busy machine."""
        if fault.live and self.worst_live > MAX_LIVE:
            yield f"slow without the database: {self.worst_live * 1000:.0f} ms"
        if MAX_RECOVERY < self.recovery < inf:
            yield f"slow recovery: {self.recovery:.1f} s"
        if self.worst > MAX_ANSWER:
            yield f"slow answer: {self.worst:.1f} s"


def play(fault: Fault, system: System, seconds: float) -> Round:
    """Have a fault strike once."""
    load = Load(system.front, USERS)
    try:
        load.start()
        time.sleep(BEFORE)
        fault.strike(system, seconds)
        recovered = time.monotonic()
        time.sleep(AFTER)
    finally:
        load.finish()
    verdicts = Counter(each for user in load.users for each in user.journal.verdicts)
    played = Round(list(load.samples), recovered, verdicts)
    played.judge(fault)
    for user in load.users:
        played.broken += user.compare()
    try:
        eventually(system.database.is_idle, "no connection is in use", 10)
    except AssertionError as error:
        played.broken.append(str(error))
    if not all(service.server.is_up() for service in system.services):
        played.broken.append("gunicorn is not up")
    told = [text for service in system.services for text in service.errors()]
    played.broken += [f"log: {text}" for text in told if not re.search(fault.errors, text)]
    return played


def row(name: str, rounds: Sequence[tuple[Round, Fault]]) -> Sequence[object]:
    """Return a row of the table for some rounds of one fault, or of all."""
    played = [one for one, _ in rounds]
    samples = [sample for one in played for sample in one.samples]
    busy = Counter(str(s.status or "no answer") for s in samples if not s.expected)
    broken = [text for one, fault in rounds for text in (*one.broken, *one.slow(fault))]
    kinds = Counter(re.split(r"[:0-9]", text)[0].strip() for text in broken)
    verdicts = sum((one.verdicts for one in played), Counter[Verdict]())
    return (
        name,
        len(played),
        f"{len(samples):,}",
        counted(busy),
        f"{verdicts[Verdict.ACKNOWLEDGED]:,}",
        kinds["lost"],
        kinds["refused but done"],
        verdicts[Verdict.IN_DOUBT],
        f"{max(one.worst for one in played):.1f}",
        f"{max(one.worst_live for one in played) * 1000:.0f}",
        f"{max(one.recovery for one in played):.2f}",
        counted(kinds),
    )
