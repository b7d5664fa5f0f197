"""Clients on connections that they keep: some who use the service, and some who only look."""

import json
import time
from collections.abc import Collection, Iterator, Mapping
from http.client import HTTPException
from itertools import count, cycle, islice
from threading import Event, Thread
from typing import Any, NamedTuple
from uuid import uuid4

from werkzeug.datastructures import Headers

from benchmarks.chaos.journal import BUSY, Journal, Verdict, verdict
from tests.nginx import Nginx
from tests.service import JSON, PASSWORD, Answer

PATIENCE = 40
"""Seconds that a client waits for an answer: nginx itself gives up after 30."""

PAUSE = 0.04
"""Seconds between a client's calls."""

OBSTINACY = 30
"""Seconds for which a call with a key is repeated after the load has ended."""

MIX = (
    *("read", "add", "list", "change", "me", "list", "add", "read", "list", "change"),
    *("delete", "me", "read", "refresh", "list", "add", "me", "change", "list", "log in"),
)
"""What a client does in turn, each beginning elsewhere in it."""

PICTURE = f"https://example.com/{'picture' * 150}.jpg"
"""Long enough that a few movies fill a page of the table, so that it grows."""

FRESH = count(1)


class Sample(NamedTuple):
    """A call and what came of it; the status 0 is no answer."""

    call: str
    began: float
    ended: float
    status: int
    expected: bool
    problem: str = ""


class Caller:
    """Sends one request after the other, and keeps a sample of each."""

    def __init__(self, front: Nginx, samples: list[Sample], source: str = "") -> None:
        self._connection = front.connect(PATIENCE, source)
        self._samples = samples

    def ask(
        self,
        call: str,
        method: str,
        path: str,
        body: object = None,
        *,
        expected: Collection[int],
        **headers: str,
    ) -> Answer:
        """Return the answer; without one, its status is 0."""
        content = None if body is None else json.dumps(body)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent |= {"Content-Type": JSON} if content else {}
        began = time.monotonic()
        answer = self._exchange(method, path, content, sent)
        found = problem(answer, expected)
        told = f"{method} {path}: {found}" if found else ""
        known = answer.status in expected
        self._samples.append(Sample(call, began, time.monotonic(), answer.status, known, told))
        return answer

    def close(self) -> None:
        self._connection.close()

    def _exchange(
        self, method: str, path: str, body: str | None, headers: Mapping[str, str]
    ) -> Answer:
        try:
            self._connection.request(method, path, body, dict(headers))
            answer = self._connection.getresponse()
            return Answer(answer.status, Headers(answer.getheaders()), answer.read())
        except (OSError, HTTPException) as error:
            self._connection.close()
            return Answer(0, Headers(), repr(error).encode())


def problem(answer: Answer, expected: Collection[int]) -> str:
    """Tell what is wrong with an answer, given that the service may be busy."""
    if answer.status in expected or not answer.status:
        return ""
    if answer.status not in BUSY:
        return f"{answer.status} {answer.body[:200].decode(errors='replace')}"
    try:
        well_formed = isinstance(answer.json["error"]["message"], str)
    except (ValueError, KeyError, TypeError):
        well_formed = False
    if well_formed and answer.headers.get("Retry-After", "").isdecimal():
        return ""
    return f"{answer.status} without its envelope or Retry-After"


class Person(Caller):
    """Somebody who is signed in."""

    def __init__(self, front: Nginx, samples: list[Sample]) -> None:
        super().__init__(front, samples)
        self.email = f"person{next(FRESH)}@example.com"
        self.token, self.cookie = "", ""
        self._enter("sign up", "/auth/signup", 201)

    def call(self, call: str, method: str, path: str, *body: object, **how: Any) -> Answer:
        return self.ask(call, method, path, *body, Authorization=f"Bearer {self.token}", **how)

    def log_in(self) -> None:
        self._enter("log in", "/auth/login", 200)

    def refresh(self) -> None:
        """Have new tokens; when the answer is lost, nobody knows the cookie, so log in."""
        cookie = f"refreshToken={self.cookie}"
        answer = self.ask("refresh", "POST", "/auth/refresh", expected={200}, Cookie=cookie)
        self._hold(answer)
        if verdict(answer.status) is Verdict.IN_DOUBT:
            self.log_in()

    def _enter(self, call: str, path: str, status: int) -> None:
        account = {"name": "Ada", "email": self.email, "password": PASSWORD}
        self._hold(self.ask(call, "POST", path, account, expected={status}))

    def _hold(self, answer: Answer) -> None:
        if verdict(answer.status) is Verdict.ACKNOWLEDGED:
            self.token, self.cookie = answer.json["accessToken"], answer.cookie.value


class Client(Person):
    """Uses the service until it is told to end, and keeps a journal of what it writes.

    A movie whose last write was not acknowledged is left alone from then on: a late effect would
    be hidden by a further write.
    """

    def __init__(self, front: Nginx, samples: list[Sample], number: int) -> None:
        super().__init__(front, samples)
        self.journal = Journal()
        self._keyed = number % 2 == 0
        self._mix = islice(cycle(MIX), number * 3, None)
        self._years = cycle(f"{year}" for year in range(1000, 10000))
        self._titles = (f"{self.email} {n}" for n in count())
        self._movies: dict[int, str] = {}

    def live(self, ended: Event) -> None:
        while not ended.wait(PAUSE):
            self._do(next(self._mix), ended)
        self.close()

    def _do(self, deed: str, ended: Event) -> None:
        if deed == "add":
            self._add(ended)
        elif deed == "list":
            self.call("list", "GET", "/movies?page=1&limit=20", expected={200})
        elif deed == "me":
            self.call("me", "GET", "/me", expected={200})
        elif deed == "refresh":
            self.refresh()
        elif deed == "log in":
            self.log_in()
        elif self._movies:
            self._use(deed)

    def _use(self, deed: str) -> None:
        number, title = next(iter(self._movies.items()))
        path = f"/movies/{number}"
        if deed == "read":
            answer = self.call("read", "GET", path, expected={200})
            if answer.status == 200 and not self.journal.allows(title, answer.json["year"]):
                now = time.monotonic()
                self._samples.append(Sample("read", now, now, 200, False, f"stale: {title}"))
            return
        year = next(self._years) if deed == "change" else None
        how = ("PATCH", path, {"year": year}) if year else ("DELETE", path)
        answer = self.call(deed, *how, expected={200 if year else 204})
        self.journal.note(title, year, verdict(answer.status))
        if not year or verdict(answer.status) is not Verdict.ACKNOWLEDGED:
            del self._movies[number]

    def _add(self, ended: Event) -> None:
        title, year = next(self._titles), next(self._years)
        key = {"Idempotency_Key": str(uuid4())} if self._keyed else {}
        for _ in self._tries(ended):
            movie = {"title": title, "year": year, "imageUrl": PICTURE}
            answer = self.call("add", "POST", "/movies", movie, expected={201}, **key)
            self.journal.note(title, year, verdict(answer.status))
            if verdict(answer.status) is Verdict.ACKNOWLEDGED:
                self._movies[answer.json["id"]] = title
                return

    def _tries(self, ended: Event) -> Iterator[None]:
        yield
        until = None
        while self._keyed and (until is None or time.monotonic() < until):
            time.sleep(2 * PAUSE)
            if until is None and ended.is_set():
                until = time.monotonic() + OBSTINACY
            yield


class Prober(Caller):
    """Asks for the same all the time."""

    def __init__(
        self, front: Nginx, samples: list[Sample], call: str, path: str, token: str, status: int
    ) -> None:
        super().__init__(front, samples)
        self._call, self._path, self._token, self._status = call, path, token, status

    def live(self, ended: Event) -> None:
        while not ended.wait(PAUSE):
            bearer = {"Authorization": f"Bearer {self._token}"} if self._token else {}
            self.ask(self._call, "GET", self._path, expected={self._status}, **bearer)
        self.close()


class Load:
    """Clients and probers at work; all that they saw is in `samples`."""

    def __init__(self, front: Nginx, clients: int) -> None:
        self.samples: list[Sample] = []
        self.clients = [Client(front, self.samples, number) for number in range(clients)]
        gone = Person(front, self.samples)
        gone.call("log out", "POST", "/auth/logout", expected={204})
        gone.close()
        self._probers = [
            Prober(front, self.samples, "live", "/health/live", "", 200),
            Prober(front, self.samples, "bad token", "/me", "eyJhbGciOiJub25lIn0.e30.", 401),
            Prober(front, self.samples, "ended session", "/movies", gone.token, 401),
        ]
        self._ended = Event()
        lives = [each.live for each in self.clients] + [each.live for each in self._probers]
        self._threads = [Thread(target=live, args=(self._ended,)) for live in lives]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def finish(self) -> None:
        """Let all finish what they have begun."""
        self._ended.set()
        for thread in self._threads:
            if thread.ident:
                thread.join()
