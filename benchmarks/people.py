"""People who use the service while it is in trouble, and remember what they were told."""

import itertools
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPSConnection
from threading import Event
from typing import Any

from tests.nginx import Nginx
from tests.service import JSON, Actor, sign_up

PEOPLE = 8


@dataclass
class Tally:
    """What came of requests."""

    requests: int = 0
    failed: int = 0
    stale: int = 0
    """Lists that lacked what their owner had been told is on it."""
    slowest: float = 0.0
    failures: list[float] = field(default_factory=list)

    @property
    def failing(self) -> float:
        """Seconds from the first failure to the last."""
        return max(self.failures) - min(self.failures) if self.failures else 0.0


class Person:
    """Somebody who adds movies to an own list, and looks at it."""

    def __init__(self, front: Nginx) -> None:
        self._front = front
        self._connection: HTTPSConnection | None = None
        self._actor: Actor = sign_up(front)
        self._numbers = itertools.count(1)
        self.added: set[str] = set()
        self.refused: set[str] = set()
        self.tally = Tally()

    def use(self, over: Event) -> None:
        """Add a movie, look at the list and at oneself, again and again."""
        while not over.is_set():
            title = f"Movie {next(self._numbers)}"
            status, _ = self.ask("POST", "/movies", {"title": title})
            if status == 201:
                self.added.add(title)
            elif status == 503:
                self.refused.add(title)
            for path in ("/movies?limit=5", "/me", "/movies?limit=20"):
                got, answer = self.ask("GET", path)
                if (status, got) == (201, 200) and path != "/me":
                    self.tally.stale += answer["items"][0]["title"] != title

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Return status and answer; 0 stands for no answer."""
        started = time.monotonic()
        status, answer = self._exchange(method, path, body)
        self.tally.requests += 1
        self.tally.slowest = max(self.tally.slowest, time.monotonic() - started)
        if not 200 <= status < 300:
            self.tally.failed += 1
            self.tally.failures.append(time.monotonic())
        return status, answer

    def _exchange(self, method: str, path: str, body: object) -> tuple[int, Any]:
        self._connection = self._connection or self._front.connect()
        content = json.dumps(body) if body else None
        headers = {"Authorization": f"Bearer {self._actor.token}", "Content-Type": JSON}
        with suppress(OSError, HTTPException):
            self._connection.request(method, path, content, headers)
            answer = self._connection.getresponse()
            return answer.status, json.loads(answer.read())
        self._connection.close()
        self._connection = None
        return 0, None

    def titles(self) -> set[str]:
        """Read the whole list."""
        found: set[str] = set()
        for page in itertools.count(1):
            items = self._actor.get(f"/movies?limit=100&page={page}").json["items"]
            if not items:
                return found
            found |= {movie["title"] for movie in items}
        raise AssertionError


class Crowd:
    """Some people at a time."""

    def __init__(self, front: Nginx) -> None:
        self._people = [Person(front) for _ in range(PEOPLE)]

    def during(self, fault: Callable[[], None], seconds: float) -> Tally:
        """Use the service for so long, or until the fault is over, and return what came of it."""
        over = Event()
        for person in self._people:
            person.tally = Tally()
        with ThreadPoolExecutor(PEOPLE) as pool:
            using = [pool.submit(person.use, over) for person in self._people]
            end = time.monotonic() + seconds
            try:
                time.sleep(1)
                fault()
                time.sleep(max(0, end - time.monotonic()))
            finally:
                over.set()
        for one in using:
            one.result()
        return self._sum()

    def _sum(self) -> Tally:
        found, whole = [person.tally for person in self._people], Tally()
        whole.requests = sum(each.requests for each in found)
        whole.failed = sum(each.failed for each in found)
        whole.stale = sum(each.stale for each in found)
        whole.slowest = max(each.slowest for each in found)
        whole.failures = [moment for each in found for moment in each.failures]
        return whole

    def check(self) -> tuple[int, int, int]:
        """Count the acknowledged writes, those of them that are lost, and refused ones there."""
        added = missing = doubtful = 0
        for person in self._people:
            there = person.titles()
            added += len(person.added)
            missing += len(person.added - there)
            doubtful += len(person.refused & there)
        return added, missing, doubtful
