"""Clients under faults, and journals of what they were told about their writes."""

import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from enum import Enum
from itertools import count, cycle, islice
from threading import Event, Thread
from typing import NamedTuple
from uuid import uuid4

from benchmarks.client import Client, Connection, Response
from dev.nginx import Nginx

SUCCESS, BUSY = range(200, 300), {429, 502, 503, 504}

PAUSE, RETRIES = 0.04, 30
"""Seconds between a client's calls, and for which a call with an idempotency key is repeated after
the load has ended."""

LIST = "/movies?page=1&limit=20"
DEEDS = (
    *("read", "add", LIST, "change", "/me", LIST, "add", "read", LIST, "change"),
    *("delete", "/me", "read", "refresh", LIST, "add", "/me", "change", LIST, "log_in"),
)
"""What each user does in turn, beginning at different places."""


class Verdict(Enum):
    """What a client knows of a write."""

    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"
    IN_DOUBT = "in doubt"


def verdict(status: int) -> Verdict:
    """Judge a write by its status; without an answer, after a 502 or a 504 nobody knows."""
    if status in {0, 502, 504}:
        return Verdict.IN_DOUBT
    return Verdict.ACKNOWLEDGED if status in SUCCESS else Verdict.REFUSED


class Journal:
    """The writes of one user. Each movie has a title of its own, and each write another year.

    `allowed` has the years that a movie may have, and None if it may be missing.
    """

    def __init__(self) -> None:
        self.allowed: defaultdict[str, set[str | None]] = defaultdict(lambda: {None})
        self.refused: defaultdict[str, set[str | None]] = defaultdict(set)
        self.verdicts: list[Verdict] = []

    def note(self, title: str, year: str | None, told: Verdict) -> None:
        """Record a write after which the movie has this year, or is deleted."""
        self.verdicts.append(told)
        if told is Verdict.ACKNOWLEDGED:
            self.allowed[title] = {year}
        else:
            (self.allowed if told is Verdict.IN_DOUBT else self.refused)[title].add(year)

    def compare(self, movies: Iterable[tuple[str, str]]) -> Iterator[str]:
        """Compare with the titles and years of all the user's movies; return what is wrong."""
        found: defaultdict[str, list[str]] = defaultdict(list)
        for title, its_year in movies:
            found[title].append(its_year)
        for title in sorted(found.keys() | self.allowed.keys() | self.refused.keys()):
            year = next(iter(found[title]), None)
            if len(found[title]) > 1:
                yield f"there twice: {title}"
            if year not in self.allowed[title]:
                kind = "refused but done" if year in self.refused[title] else "lost"
                yield f"{kind}: {title} is {year}, not {self.allowed[title]}"


class Sample(NamedTuple):
    """A call and what came of it; status 0 means no answer."""

    client: str
    """The kind of client: "user", "live", "forged token" or "ended session"."""
    call: str
    began: float
    ended: float
    status: int
    expected: bool
    problem: str = ""

    @property
    def seconds(self) -> float:
        return self.ended - self.began


def problem(response: Response, expected: Collection[int]) -> str:
    """Return what is wrong with a response; to be busy is not, but has its form."""
    if response.status in expected or not response.status:
        return ""
    if response.status not in BUSY:
        return f"{response.status} {response.body[:200].decode(errors='replace')}"
    try:
        well_formed = isinstance(response.json["error"]["message"], str)
    except (ValueError, KeyError, TypeError):
        well_formed = False
    well_formed = well_formed and response.says_when_to_retry
    return "" if well_formed else f"{response.status} without its envelope or Retry-After"


class Sampler(Client):
    """A client that keeps a sample of each call."""

    def __init__(
        self,
        front: Nginx,
        samples: list[Sample],
        kind: str = "user",
        expected: Collection[int] = SUCCESS,
    ) -> None:
        super().__init__(Connection(f"https://localhost:{front.port}", front.trust).send)
        self.samples, self._kind, self._expected = samples, kind, expected

    def call(self, method: str, path: str, body: object = None, **headers: str) -> Response:
        began, call = time.monotonic(), f"{method} {path.partition('?')[0]}"
        response = super().call(method, path, body, **headers)
        known, told = response.status in self._expected, problem(response, self._expected)
        ended, told = time.monotonic(), f"{call}: {told}" if told else ""
        self.samples.append(Sample(self._kind, call, began, ended, response.status, known, told))
        return response

    def repeat(self, path: str, ended: Event) -> None:
        """Get the same all the time."""
        while not ended.wait(PAUSE):
            self.call("GET", path)


class User(Sampler):
    """Uses the service until told to end, and keeps a journal of the writes.

    A movie whose last write was not acknowledged is left alone from then on: a further write would
    hide a late effect of the one before.
    """

    def __init__(self, front: Nginx, samples: list[Sample], number: int) -> None:
        super().__init__(front, samples)
        self.journal = Journal()
        self._with_keys = number % 2 == 0
        self._deeds = islice(cycle(DEEDS), number * 3, None)
        self._years = cycle(f"{year}" for year in range(1000, 10000))
        self._titles = (f"{self.email} {number}" for number in count())
        self._movies: dict[int, str] = {}
        self.sign_up()

    def run(self, ended: Event) -> None:
        self._ended = ended
        while not ended.wait(PAUSE):
            deed = next(self._deeds)
            if deed.startswith("/"):
                self.call("GET", deed)
            elif self._movies or deed not in {"read", "change", "delete"}:
                getattr(self, deed)()

    def refresh(self) -> Response:
        """Have new tokens; if the answer is lost so is the cookie, and a login must follow."""
        response = super().refresh()
        return self.log_in() if verdict(response.status) is Verdict.IN_DOUBT else response

    def read(self) -> None:
        number, title = next(iter(self._movies.items()))
        movie = self.call("GET", f"/movies/{number}")
        if movie.status == 200 and movie.json["year"] not in self.journal.allowed[title]:
            self.samples[-1] = self.samples[-1]._replace(problem=f"stale: {title}")

    def change(self) -> None:
        self._write("PATCH", next(self._years))

    def delete(self) -> None:
        self._write("DELETE", None)

    def _write(self, method: str, year: str | None) -> None:
        number, title = next(iter(self._movies.items()))
        body = {"year": year} if year else None
        told = verdict(self.call(method, f"/movies/{number}", body).status)
        self.journal.note(title, year, told)
        if not year or told is not Verdict.ACKNOWLEDGED:
            del self._movies[number]

    def add(self) -> None:
        """Add a movie; with an idempotency key, as often as it takes until it is acknowledged."""
        title, year = next(self._titles), next(self._years)
        key = {"Idempotency_Key": str(uuid4())} if self._with_keys else {}
        end = float("inf")
        while True:
            response = self.call("POST", "/movies", {"title": title, "year": year}, **key)
            self.journal.note(title, year, verdict(response.status))
            if response.status in SUCCESS:
                self._movies[response.json["id"]] = title
            if response.status in SUCCESS or not key or time.monotonic() > end:
                return
            time.sleep(2 * PAUSE)
            if self._ended.is_set():
                end = min(end, time.monotonic() + RETRIES)

    def compare(self) -> Iterator[str]:
        """Compare the journal with the list that the service has."""
        self.log_in()
        movies = self.call("GET", "/movies/export").json["movies"]
        total = self.call("GET", "/movies?page=1&limit=1").json["meta"]["total"]
        if total != len(movies):
            yield f"total is wrong: {total} of {len(movies)}"
        yield from self.journal.compare((movie["title"], movie["year"]) for movie in movies)


class Load:
    """Users at work, and clients that must be answered all the time; all that they saw."""

    def __init__(self, front: Nginx, users: int) -> None:
        self.samples: list[Sample] = []
        self.users = [User(front, self.samples, number) for number in range(users)]
        live = Sampler(front, self.samples, "live")
        forged = Sampler(front, self.samples, "forged token", {401})
        ended = Sampler(front, self.samples, "ended session", {401})
        leaving = Sampler(front, self.samples)
        leaving.sign_up()
        leaving.call("POST", "/auth/logout")
        forged.token, ended.token = "eyJhbGciOiJub25lIn0.e30.", leaving.token
        self._ended = Event()
        self._threads = [Thread(target=user.run, args=(self._ended,)) for user in self.users]
        for client, path in ((live, "/health/live"), (forged, "/me"), (ended, "/movies")):
            self._threads.append(Thread(target=client.repeat, args=(path, self._ended)))

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def finish(self) -> None:
        """Have all complete what they have begun."""
        self._ended.set()
        for thread in self._threads:
            if thread.ident:
                thread.join()
