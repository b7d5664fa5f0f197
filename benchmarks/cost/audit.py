"""Whether requests keep their budgets, and their cost grows no faster than they do."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import chain
from math import inf
from random import Random

from benchmarks.cost.budgets import MIB, PICTURES, Budget, budget_of
from benchmarks.cost.inputs import READ_ALIKE, TEXTS, Family, Place, csv_text
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

MOST_TRIES = 12
"""The same before it is a finding: busy neighbours double what any one measurement takes."""

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
    findings: list[str] = field(default_factory=list)
    dearest: dict[str, tuple[tuple[float, str], tuple[float, str]]] = field(default_factory=dict)
    """Of each call: milliseconds and MiB, and which inputs took them."""
    requests: int = 0
    _fixed_costs: dict[tuple[str, str], float] = field(default_factory=dict)

    def check(self, place: Place, family: Family, times: int) -> None:
        """Measure an input and, where it takes long enough, half and a quarter of it."""
        budget = budget_of(place.request.call)
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
        least = [inf, inf, inf]
        for tries in range(1, MOST_TRIES + 1):
            # By turns, so that neighbours add to each of them; and of other sizes each time, for a
            # cache may know what was sent before.
            shorter = times - 4 * tries
            for step, size in enumerate((shorter // 4, shorter // 2, shorter)):
                least[step] = min(least[step], self._cost(place, family, size).cpu)
            _, half, whole = least
            if tries >= TRIES and whole < max(WORTH_A_LOOK, GROWTH * half):
                return ""
        told = ", ".join(f"{seconds * 1000:.1f}" for seconds in least)
        return f"{told} ms of CPU at a quarter, half and whole of it"

    def _fixed(self, place: Place, family: Family) -> float:
        # What a password's hash takes, for one, however short the input is.
        known = place.request.call, place.field
        if known not in self._fixed_costs:
            self._fixed_costs[known] = self._cost(place, family, 1).cpu
        return self._fixed_costs[known]

    def _cost(self, place: Place, family: Family, times: int) -> Cost:
        self.requests += 1
        budget, request = budget_of(place.request.call), place.fill(family, times)
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
    """Choose every field and every unit once, small, in shapes that take turns.

    A header that every call reads alike is one field, and so is a column that several formats of
    files have: these places share the units.
    """
    sharing: dict[str, list[Place]] = {}
    for place in places:
        sharing.setdefault(_field(place), []).append(place)
    for turn, group in enumerate(sharing.values()):
        texts = [shapes[(turn + n) % len(shapes)] for n, shapes in enumerate(TEXTS.values())]
        for n, place in enumerate(group):
            share = texts[n :: len(group)]
            yield from _small(place, share, accepted=place.request.method == "GET")


def _field(place: Place) -> str:
    if place.field.removeprefix("header.") in READ_ALIKE:
        return place.field
    if place.write is csv_text:
        return f"a file's column {place.field.partition('.')[2]}"
    return f"{place.request.call} {place.field}"


def whole(places: Iterable[Place], seed: int) -> Iterator[Check]:
    """Choose every place and family, first small, and then as large as they may be.

    Both in any order, so that a run that ends early has met all calls.
    """
    small: list[Check] = []
    large: list[Check] = []
    for place in places:
        texts = [*chain(*TEXTS.values())]
        small += _small(place, texts)
        if place.takes_pictures:
            costly = replace(place, request=replace(place.request, call=PICTURES))
            small += [
                (costly, Family(f"the largest {name}", picture), 1)
                for name, picture in largest_pictures().items()
            ]
        if place.limit > SMALL:
            large += [
                (place, family, place.times(family, place.limit)) for family in _all(place, texts)
            ]
    for checks in (small, large):
        Random(seed).shuffle(checks)  # noqa: S311
        yield from checks


def _small(place: Place, texts: Iterable[Family], *, accepted: bool = True) -> Iterator[Check]:
    for family in _all(place, texts):
        yield place, family, place.times(family, min(SMALL, place.limit))
        if accepted and (times := place.accepted(family)) > 0:
            yield place, family, times


def _all(place: Place, texts: Iterable[Family]) -> Iterable[Family]:
    return chain(place.families, texts if place.texts else ())
