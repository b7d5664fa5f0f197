"""What came of a fault, and a table of it."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from benchmarks.chaos.clients import Sample
from benchmarks.chaos.fault import Fault
from benchmarks.chaos.journal import Findings, Journal, Verdict
from benchmarks.report import described, header, row

LIVE_GOAL = 0.1
"""Seconds for what needs no database."""

RECOVERY_GOAL = 1.0
"""Seconds until the first good answer after what failed is back."""

ANSWER_GOAL = 7.0
"""Seconds for any answer, whatever is silent."""

UNTOUCHED = ("live", "bad token")
"""Calls that need no database."""

COLUMNS = (
    *("fault", "times", "requests", "busy", "acknowledged", "lost", "refused but done"),
    *("in doubt", "worst answer s", "worst live ms", "worst recovery s", "promises broken"),
)


@dataclass
class Round:
    """One time that a fault struck."""

    samples: Sequence[Sample]
    journals: Sequence[Journal]
    recovered: float
    """When what failed was back, by the clock of the samples."""
    findings: Findings = field(default_factory=Findings)
    left_behind: list[str] = field(default_factory=list)
    """What was not as before in the end."""

    def told(self, verdict: Verdict) -> int:
        return sum(journal.verdicts.count(verdict) for journal in self.journals)

    @property
    def worst(self) -> float:
        return max((each.ended - each.began for each in self.samples), default=0)

    @property
    def worst_live(self) -> float:
        """How long an answer that needs no database took."""
        times = [s.ended - s.began for s in self.samples if s.call in UNTOUCHED and s.expected]
        return max(times, default=0)

    @property
    def recovery(self) -> float | None:
        """How long it took until the database's answers were good again."""
        good = [
            sample.ended
            for sample in self.samples
            if sample.ended > self.recovered
            and sample.expected
            and sample.call not in (*UNTOUCHED, "ended session")
        ]
        return min(good) - self.recovered if good else None

    def broken(self, fault: Fault) -> Iterator[str]:
        """Tell each promise that was not kept."""
        yield from (f"lost: {each}" for each in self.findings.lost)
        yield from (f"refused but done: {each}" for each in self.findings.refused_but_done)
        yield from (f"there twice: {each}" for each in self.findings.twice)
        yield from self.left_behind
        for sample in self.samples:
            if sample.call in {"bad token", "ended session"} and 200 <= sample.status < 300:
                yield f"a token was let in: {sample.call}"
            elif sample.problem:
                yield sample.problem
            elif not sample.expected and (
                fault.flawless or self._needed_no_database(sample, fault)
            ):
                yield f"failed: {sample.call} with {sample.status or 'no answer'}"
        if self.recovery is None:
            yield "no good answer after recovery"

    def slow(self, fault: Fault) -> Iterator[str]:
        """Tell each goal for time that was missed."""
        if fault.live and self.worst_live > LIVE_GOAL:
            yield f"without the database an answer took {self.worst_live * 1000:.0f} ms"
        if (self.recovery or 0) > RECOVERY_GOAL:
            yield f"recovery took {self.recovery:.1f} s"
        if self.worst > ANSWER_GOAL:
            slowest = max(self.samples, key=lambda each: each.ended - each.began)
            yield f"an answer took {self.worst:.1f} s: {slowest.call}, {slowest.status}"

    def _needed_no_database(self, sample: Sample, fault: Fault) -> bool:
        return fault.live and sample.call in UNTOUCHED


def acceptable(complaints: Iterable[str], fault: Fault) -> list[str]:
    """Return the complaints that the fault does not explain."""
    return [text for text in complaints if not re.search(fault.complaints, text)]


def table(rounds: dict[str, list[Round]], faults: dict[str, Fault]) -> Iterator[str]:
    """Make the lines of a table."""
    yield from header(*COLUMNS, words=1)
    for name, all_of_it in rounds.items():
        yield line(name, all_of_it, faults[name])


def line(name: str, rounds: Sequence[Round], fault: Fault) -> str:
    """Make the line of a fault."""
    busy: Counter[str] = Counter()
    for sample in (each for one in rounds for each in one.samples if not each.expected):
        busy[str(sample.status or "no answer")] += 1
    recoveries = [one.recovery for one in rounds]
    worst = "never" if None in recoveries else f"{max(r or 0 for r in recoveries):.2f}"
    broken = Counter(summary(text) for one in rounds for text in one.broken(fault))
    broken += Counter(summary(text) for one in rounds for text in one.slow(fault))
    return row(
        name,
        str(len(rounds)),
        f"{sum(len(one.samples) for one in rounds):,}",
        described(busy) or "0",
        *(f"{n:,}" for n in counts(rounds)),
        f"{max(one.worst for one in rounds):.1f}",
        f"{max(one.worst_live for one in rounds) * 1000:.0f}",
        worst,
        described(broken) or "0",
    )


def total(rounds: dict[str, list[Round]], faults: dict[str, Fault]) -> str:
    """Sum everything up in a sentence."""
    all_of_it = [(one, faults[name]) for name, each in rounds.items() for one in each]
    requests = sum(len(one.samples) for one, _ in all_of_it)
    acknowledged, lost, done, doubtful = counts([one for one, _ in all_of_it])
    recovery = max((one.recovery or 0 for one, _ in all_of_it), default=0)
    broken = sum(len([*one.broken(fault), *one.slow(fault)]) for one, fault in all_of_it)
    return (
        f"{len(rounds)} faults, {len(all_of_it)} rounds, {requests:,} requests. "
        f"Of {acknowledged:,} acknowledged writes {lost:,} lost, of the refused ones {done:,} done"
        f"; {doubtful:,} in doubt. Worst recovery {recovery:.2f} s. {broken:,} promises broken."
    )


def counts(rounds: Sequence[Round]) -> list[int]:
    """Count what was acknowledged, lost, refused but done, and in doubt."""
    return [
        sum(one.told(Verdict.ACKNOWLEDGED) for one in rounds),
        sum(len(one.findings.lost) for one in rounds),
        sum(len(one.findings.refused_but_done) for one in rounds),
        sum(one.told(Verdict.IN_DOUBT) for one in rounds),
    ]


def summary(text: str) -> str:
    """Name the kind of a broken promise."""
    return re.split(r"[:0-9]", text)[0].strip()
