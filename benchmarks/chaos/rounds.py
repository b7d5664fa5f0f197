"""A round: load, a fault, recovery, and a comparison of the journals with what is there."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from benchmarks.chaos.clients import Load, Person, Sample
from benchmarks.chaos.fault import Fault
from benchmarks.chaos.results import Round, acceptable
from benchmarks.chaos.system import System
from tests.waiting import eventually

CLIENTS = 8

BEFORE, AFTER = 0.7, 1.5
"""Seconds of load around a fault."""

AT_ONCE = 16
"""Calls that are sent together in the end, so that every worker has some."""

QUICK = 3.0
"""Seconds in which they must be answered, for no thread may be stuck."""

MOVIES = """
    SELECT title, year FROM "Movie" JOIN "User" ON "User".id = "ownerId" WHERE email = %s
"""
MISCOUNTED = """
    SELECT count(*) FROM "User"
    LEFT JOIN "MovieCount" ON "MovieCount"."ownerId" = "User".id
    WHERE coalesce(movies, 0) != (SELECT count(*) FROM "Movie" WHERE "ownerId" = "User".id)
"""


def play(fault: Fault, system: System, seconds: float) -> Round:
    """Have a fault strike once."""
    crashes = sum(service.crashes for service in system.services)
    load = Load(system.front, CLIENTS)
    try:
        load.start()
        time.sleep(BEFORE)
        fault.strike(system, load, seconds)
        recovered = time.monotonic()
        time.sleep(AFTER)
    finally:
        load.finish()
    journals = [client.journal for client in load.clients]
    played = Round(load.samples, journals, recovered)
    played.left_behind += left_behind(system)
    for client in load.clients:
        rows = system.database.run(MOVIES, client.email)
        client.journal.compare([(title, year) for title, year in rows], played.findings)
    if sum(service.crashes for service in system.services) != crashes + fault.crashes:
        played.left_behind.append("gunicorn was started again")
    told = [each for service in system.services for each in service.complaints()]
    played.left_behind += (f"in the log: {each}" for each in acceptable(told, fault))
    return played


def left_behind(system: System) -> list[str]:
    """Tell what is not as it was before."""
    told = []
    with suppress(AssertionError):
        eventually(system.database.is_idle, "nobody waits", 10)
    if not system.database.is_idle():
        told.append("a connection is in use for ever")
    if system.database.run(MISCOUNTED) != [(0,)]:
        told.append("MovieCount is wrong")
    samples: list[Sample] = []
    people = [Person(system.front, samples) for _ in range(2)]
    samples.clear()
    with ThreadPoolExecutor(AT_ONCE) as threads:
        list(threads.map(lambda n: use(system, people[n % 2], samples), range(AT_ONCE)))
    for person in people:
        person.close()
    bad = [each for each in samples if not each.expected or each.ended - each.began > QUICK]
    told += [f"after all: {each.call} {each.status} {each.problem}" for each in bad]
    return told


def use(system: System, person: Person, samples: list[Sample]) -> None:
    """Write and read over a connection of one's own."""
    another = Person.__new__(Person)
    another.__dict__ |= {**person.__dict__, "_connection": system.front.connect()}
    another._samples = samples
    movie = {"title": "after all"}
    another.call("add", "POST", "/movies", movie, expected={201})
    another.call("list", "GET", "/movies", expected={200})
    another.close()
