"""Whether requests keep their budgets, and their cost grows no faster than they do."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from random import Random

from benchmarks.cost.budgets import BUDGETS, MIB, PICTURES, READ, Budget
from benchmarks.cost.inputs import TEXTS, Family, Place
from benchmarks.cost.measure import Cost, Meter
from benchmarks.pictures import largest_pictures

SMALL = 16 * 1024
"""Bytes at which work that is quadratic shows, and ends soon."""

WORTH_A_LOOK = 0.005
"""Seconds below which growth is noise."""

GROWTH = 2.5
"""For twice the size: linear work has 2, and sorting a little more; quadratic work has 4."""

TRIES = 3
"""How often what grows is measured, of which the least counts: neighbours can only add to it."""

SENT = 8 * MIB
"""Bytes of different values that are sent to a place, to see what is kept of them."""

KEPT = 2
"""MiB of them that may be: caches of small things, and fragments."""

Check = tuple[Place, Family, int]
"""What is measured: a family in a place, and how often its unit is repeated."""


@dataclass
class Audit:
    """Measures inputs, and collects what is wrong and what was dearest."""

    meter: Meter
    budgets: Mapping[str, Budget] = field(default_factory=lambda: BUDGETS)
    findings: list[str] = field(default_factory=list)
    dearest: dict[str, tuple[tuple[float, str], tuple[float, str]]] = field(default_factory=dict)
    """Of each call: milliseconds and MiB, and which inputs took them."""
    requests: int = 0
    _fixed_costs: dict[tuple[str, str], float] = field(default_factory=dict)

    def check(self, place: Place, family: Family, times: int) -> None:
        """Measure an input and, where it takes long enough, half and a quarter of it."""
        budget = self.budgets.get(place.request.call, READ)
        cost = self._cost(place, family, times)
        if cost.status and _excess(cost, budget):
            self.meter.replace()
            again = self._cost(place, family, times)
            cost = Cost(again.status, min(cost.cpu, again.cpu), min(cost.memory, again.memory))
        problem = _excess(cost, budget) or self._growth(place, family, times, cost)
        named = f"{place.field}: {family.name} x {times:,}"
        if problem:
            self.findings.append(f"{place.request.call} {named}: {problem}")
        cpu, memory = self.dearest.get(place.request.call, ((0, ""), (0, "")))
        cpu, memory = max(cpu, (cost.cpu * 1000, named)), max(memory, (cost.memory, named))
        self.dearest[place.request.call] = cpu, memory

    def check_kept(self, place: Place, size: int) -> None:
        """Send many different values of a size, and see whether the process grows by them."""
        count = SENT // size
        for before, after in (("", ""), ("http://", ""), ("", "@x.de")):
            values = (
                Family("", "a.", f"{before}{number}", after) for number in range(count + count // 4)
            )
            requests = [place.fill(value, place.times(value, size)) for value in values]
            kept = self.meter.kept(requests, warm_up=count // 4)
            if kept > KEPT:
                sent = f"{before}…{after} of {size:,} bytes, {count} times"
                problem = f"{place.field}: {sent}: {kept:.1f} MiB are kept"
                self.findings.append(f"{place.request.call} {problem}")

    def _growth(self, place: Place, family: Family, times: int, cost: Cost) -> str:
        if cost.cpu < WORTH_A_LOOK + self._fixed(place, family) or times < 100:
            return ""
        if cost.cpu < GROWTH * self._cost(place, family, times // 2).cpu:
            return ""
        whole, half = (self._least(place, family, each) for each in (times, times // 2))
        if whole < max(WORTH_A_LOOK, GROWTH * half):
            return ""
        steps = (self._least(place, family, times // 4), half, whole)
        told = ", ".join(f"{seconds * 1000:.1f}" for seconds in steps)
        return f"{told} ms of CPU at a quarter, half and whole of it"

    def _fixed(self, place: Place, family: Family) -> float:
        # What a password's hash takes, for one, however short the input is.
        known = place.request.call, place.field
        if known not in self._fixed_costs:
            self._fixed_costs[known] = self._cost(place, family, 1).cpu
        return self._fixed_costs[known]

    def _least(self, place: Place, family: Family, times: int) -> float:
        # Of another size each time, for a cache may know what was sent before.
        return min(self._cost(place, family, times - each).cpu for each in range(1, TRIES + 1))

    def _cost(self, place: Place, family: Family, times: int) -> Cost:
        self.requests += 1
        budget, request = self.budgets.get(place.request.call, READ), place.fill(family, times)
        share = len(request.body) / budget.bytes if request.body else 1
        return self.meter.measure(request, max(1, 2 * budget.cpu * share))


def _excess(cost: Cost, budget: Budget) -> str:
    if not cost.status:
        return f"ended after {cost.cpu:g} s of CPU"
    if cost.status >= 500:
        return f"answered with {cost.status}"
    if cost.cpu > budget.cpu:
        return f"{cost.cpu:.2f} s of CPU, and {budget.cpu:g} are allowed"
    if cost.memory > budget.memory:
        return f"{cost.memory:.0f} MiB of memory, and {budget.memory} are allowed"
    return ""


def reduced(places: Iterable[Place]) -> Iterator[Check]:
    """Choose every place and every unit once, small, in shapes that take turns."""
    for turn, place in enumerate(places):
        texts = [shapes[(turn + n) % len(shapes)] for n, shapes in enumerate(TEXTS.values())]
        yield from _small(place, texts, accepted=place.request.method == "GET")


def whole(places: Iterable[Place]) -> Iterator[Check]:
    """Choose every place and family, small, and then, in any order, as large as they may be."""
    large = []
    for place in places:
        texts = [*chain(*TEXTS.values())]
        yield from _small(place, texts)
        if place.takes_pictures:
            costly = replace(place, request=replace(place.request, call=PICTURES))
            for name, picture in largest_pictures().items():
                yield costly, Family(f"the largest {name}", picture), 1
        if place.limit > SMALL:
            large += [
                (place, family, place.times(family, place.limit)) for family in _all(place, texts)
            ]
    Random(1).shuffle(large)  # noqa: S311
    yield from large


def _small(place: Place, texts: Iterable[Family], *, accepted: bool = True) -> Iterator[Check]:
    for family in _all(place, texts):
        yield place, family, place.times(family, min(SMALL, place.limit))
        if accepted and (times := place.accepted(family)) > 0:
            yield place, family, times


def _all(place: Place, texts: Iterable[Family]) -> Iterable[Family]:
    return chain(place.families, texts if place.texts else ())
