"""What each client was told of its writes, to be compared with what is there in the end."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

BUSY = (429, 502, 503, 504)
"""What may be answered while something is away, or a crowd is one client."""


class Verdict(Enum):
    """What a client knows of a write."""

    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"
    IN_DOUBT = "in doubt"


def verdict(status: int) -> Verdict:
    """Judge by the status, 0 being no answer.

    A 502 or 504 is nginx's, which has sent the write on and does not know what came of it.
    """
    if status in {0, 502, 504}:
        return Verdict.IN_DOUBT
    return Verdict.ACKNOWLEDGED if status < 300 else Verdict.REFUSED


@dataclass
class Entry:
    """The years that a movie may have, and those refused; None is that it is not there."""

    allowed: set[str | None] = field(default_factory=lambda: {None})
    refused: set[str | None] = field(default_factory=set)


@dataclass
class Findings:
    """What differs from the journals, in words."""

    lost: list[str] = field(default_factory=list)
    refused_but_done: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)


class Journal:
    """One client's writes, by the titles of its movies, which are its own alone."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.verdicts: list[Verdict] = []

    def note(self, title: str, year: str | None, told: Verdict) -> None:
        """Keep what was told of a write after which the movie has this year, or is gone."""
        entry = self.entries.setdefault(title, Entry())
        self.verdicts.append(told)
        if told is Verdict.ACKNOWLEDGED:
            entry.allowed = {year}
        elif told is Verdict.IN_DOUBT:
            entry.allowed.add(year)
        else:
            entry.refused.add(year)

    def allows(self, title: str, year: str | None) -> bool:
        """Tell whether a movie may be so."""
        return year in self.entries[title].allowed

    def compare(self, rows: Iterable[tuple[str, str]], findings: Findings) -> None:
        """Compare with all of the client's movies, titles and years."""
        there: dict[str, list[str]] = {}
        for title, found in rows:
            there.setdefault(title, []).append(found)
        for title in there.keys() | self.entries.keys():
            entry, years = self.entries.get(title, Entry()), there.get(title, [])
            year = next(iter(years), None)
            if len(years) > 1:
                findings.twice.append(title)
            if year not in entry.allowed:
                told = f"{title} is {year}, not {entry.allowed}"
                bad = findings.refused_but_done if year in entry.refused else findings.lost
                bad.append(told)
