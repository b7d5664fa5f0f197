"""What the rounds have found, as a table."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median

ARGON2_GOAL = 95
"""The least that hashing should be of a login, in percent of its processor time."""

COLUMNS = (
    *("call", "revision", "requests/s", "p50 ms", "p99 ms", "service ms", "PostgreSQL ms"),
    *("in hellos", "at most", "times as much", "failed"),
)


@dataclass(frozen=True)
class Run:
    """A round of a case: times in milliseconds, those of the processor for each request."""

    per_second: float
    p50: float
    p99: float
    service: float
    postgres: float
    failures: Counter[str] = field(default_factory=Counter)
    hello: float = 1
    """What bare gunicorn took just before."""
    argon2: float = 0
    """What a hash took just before, where passwords are hashed."""

    @property
    def together(self) -> float:
        return self.service + self.postgres


@dataclass(frozen=True)
class Result:
    """All rounds of a case with one revision: medians."""

    call: str
    revision: str
    goal: float | None
    runs: Sequence[Run]

    def median(self, figure: str) -> float:
        values: list[float] = [getattr(run, figure) for run in self.runs]
        return median(values)

    @property
    def multiple(self) -> float:
        """The processor time of service and PostgreSQL, by bare gunicorn's."""
        return median(run.together / run.hello for run in self.runs)

    @property
    def argon2(self) -> float:
        """How much of it is hashing, in percent."""
        return median(run.argon2 / run.together * 100 for run in self.runs)

    @property
    def failures(self) -> str:
        """What failed, and how often."""
        return described(sum((run.failures for run in self.runs), Counter[str]()))


def table(hello: Result, results: Sequence[Result]) -> Iterator[str]:
    """Make the lines of a table in Markdown: medians of the rounds, and all that failed."""
    newest = {result.call: result for result in reversed(results)}
    yield from header(*COLUMNS, words=2)
    for result in (hello, *results):
        times = result.multiple / newest.get(result.call, result).multiple
        yield row(
            result.call,
            result.revision,
            f"{result.median('per_second'):,.0f}",
            *(f"{result.median(name):.1f}" for name in ("p50", "p99")),
            *(f"{result.median(name):.3f}" for name in ("service", "postgres")),
            f"{result.multiple:.1f}",
            f"{result.goal:g}" if result.goal else "",
            "" if newest.get(result.call, result) is result else f"{times:.1f}",
            result.failures or "0",
        )


def shares(results: Sequence[Result]) -> Iterator[str]:
    """Tell how much of a call is hashing, where passwords are hashed."""
    for result in results:
        if result.argon2:
            yield (
                f"Argon2 is {result.argon2:.0f} % of the processor time of {result.call}"
                f" ({result.revision}); the goal is at least {ARGON2_GOAL} %."
            )


def header(*names: str, words: int = 1) -> Iterator[str]:
    """Make the head of a table whose first columns have words, and the others figures."""
    yield row(*names)
    yield row(*["---"] * words, *["---:"] * (len(names) - words))


def row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def described(failures: Counter[str]) -> str:
    return ", ".join(f"{number:,} x {outcome}" for outcome, number in failures.most_common())
