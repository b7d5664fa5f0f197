"""The service under attack, in figures: `python -m benchmarks.attacks [name ...] [--quick]`.

Each attack is on gunicorn with two workers and on a PostgreSQL that waits for its disk. Both are
started for it, in a temporary folder, and all is sent by threads of this process to 127.0.0.1.
The exit status is 1 when a figure is not what the service promises.
"""

import argparse
import json
import os
import platform
import random
import resource
import signal
import sys
import time
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from threading import Barrier, Event, Thread
from typing import Any

from flask_migrate import upgrade
from sqlalchemy import text
from werkzeug.datastructures import Headers

from dev.postgres import running
from playlist_api.app import create_app
from playlist_api.db.engine import db
from tests.pictures import POSTER
from tests.service import (
    JSON,
    PASSWORD,
    Actor,
    Answer,
    Gunicorn,
    call,
    environment,
    gunicorn,
    log_in,
    new_email,
    sign_up,
)
from tests.slow_clients import half_sent

LONGEST = 600
"""Seconds after which a measurement starts no further round."""

RACERS = 20
"""Requests that are sent at the same moment."""

SAMPLED = 50
"""One round of so many has all of its access tokens tried."""

OWNER, ATTACKER = "198.51.100.4", "203.0.113.7"
BOTNET = [f"192.0.2.{host}" for host in range(1, 101)]

ATTACKERS = 16
"""Connections that guess at a time."""

GUESSES = 100
"""Guesses for each login of the owner."""

FREE_GUESSES = 10
"""What `RATELIMIT_LOGIN` allows by default, at once and then per minute."""

TOO_MANY, UNAVAILABLE = "429 with Retry-After", "503 with Retry-After"

CROWD = 200
"""People who log in at the same moment, each from an address of their own."""

FLOOD = 54
"""Connections of one client that do the same costly thing all the time."""

FILE_ROWS, FILES = 10_000, 5
"""Movies of a file, and files that make the list which is searched."""

Samples = list[tuple[int | str, float]]
"""Of calls: how each is answered, and after how many milliseconds."""

HALF_SENT = 1000
"""Requests of which a part has come."""

SOON = 100
"""Milliseconds that `/health/live` may take."""


@dataclass(frozen=True)
class Figure:
    """A row of the table."""

    what: str
    measured: str
    promised: str = ""
    violations: int = 0


@dataclass(frozen=True)
class Measurement:
    """What is measured, how often, and with which settings."""

    measure: Callable[[Gunicorn, int], Iterable[Figure]]
    rounds: int
    settings: Mapping[str, str] = field(default_factory=dict)


def refreshes(service: Gunicorn, rounds: int) -> Iterator[Figure]:
    """Of twenty tabs that refresh at once, each goes on, and all hold the same new cookie."""
    ada = sign_up(service)
    statuses, cookies, tokens = Counter[Any](), Counter[Any](), Counter[Any]()
    for number in bounded(rounds):
        answers = at_once([ada.refresh] * RACERS)
        statuses.update(map(named, answers))
        good = [answer for answer in answers if answer.status == 200]
        new = {answer.cookie.value for answer in good}
        cookies[len(new) if ada.cookie not in new else "the old one"] += 1
        if number % SAMPLED == 0:
            tokens.update(ada.get("/me", token=a.json["accessToken"]).status for a in good)
        ada = ada.hold(good[0]) if good else sign_up(service)
    sampled = len(range(0, rounds, SAMPLED)) * RACERS
    yield tally(f"answers to {RACERS} refreshes at once", statuses, {200: rounds * RACERS})
    yield tally("different new cookies in a round", cookies, {1: rounds})
    yield tally(f"access tokens of every {SAMPLED}th round", tokens, {200: sampled})
    yield tally("the last cookie", Counter([ada.refresh().status]), {200: 1})


def replays(service: Gunicorn, rounds: int) -> Iterator[Figure]:
    """A refresh token that is two rotations old ends its session for the thief and the owner."""
    ada, outcomes = sign_up(service), Counter[Any]()
    for _ in bounded(rounds):
        device = log_in(ada)
        stolen = device.cookie
        for _ in range(2):
            device.hold(device.refresh())
        before, replayed = device.get("/me"), device.refresh(stolen)
        after, late = device.get("/me"), device.refresh()
        outcomes[" ".join(str(answer.status) for answer in (before, replayed, after, late))] += 1
    what = "newest access token, replay, that access token again, newest cookie"
    yield tally(what, outcomes, {"200 401 401 401": rounds})
    yield tally("the owner's other session", Counter([ada.get("/me").status]), {200: 1})


def sign_ups(service: Gunicorn, rounds: int) -> Iterator[Figure]:
    """Of twenty sign-ups with one e-mail at once, however it is spelled, one makes the account."""
    outcomes = Counter[Any]()
    for _ in bounded(rounds):
        email = new_email()
        spellings = [email, email.upper(), email.title(), email.capitalize()] * (RACERS // 4)
        answers = at_once([partial(signing_up, service, spelling) for spelling in spellings])
        outcomes[outcome(Counter(map(named, answers)))] += 1
    promised = outcome(Counter({201: 1, 409: RACERS - 1}))
    yield tally(f"rounds of {RACERS} sign-ups at once", outcomes, {promised: rounds})


def timing(service: Gunicorn, rounds: int) -> Iterator[Figure]:
    """The time that a refused login takes does not tell whether the e-mail has an account."""
    ada, order = sign_up(service), [True, False] * (rounds // 2)
    random.shuffle(order)
    times: dict[bool, list[float]] = {True: [], False: []}
    statuses = Counter[Any]()
    with closing(HTTPConnection("127.0.0.1", service.port, timeout=30)) as connection:
        for _, known in zip(bounded(rounds), order, strict=False):
            guess = partial(refused, connection, ada.email if known else new_email())
            status, milliseconds = timed(guess)
            statuses[status] += 1
            times[known].append(milliseconds)
    yield tally("answers, one after the other", statuses, {401: rounds})
    yield Figure("wrong password", latency(times[True]))
    yield Figure("unknown e-mail", latency(times[False]))
    yield told_apart(times[True], times[False])


def guesses(service: Gunicorn, rounds: int) -> Iterator[Figure]:
    """Few guesses at an account's password are looked at, and none of them locks its owner out."""
    yield from besieged(service, rounds, [ATTACKER])
    yield from besieged(service, rounds, BOTNET)


def logins(service: Gunicorn, rounds: int) -> Iterator[Figure]:
    """A crowd that logs in keeps no other calls waiting; who finds no place hears when to retry."""
    witness, statuses = sign_up(service), Counter[Any]()
    with ThreadPoolExecutor(8) as threads:
        people = list(threads.map(lambda _: sign_up(service), range(CROWD)))
    with probed(witness) as calm:
        time.sleep(2)
    with probed(witness) as busy:
        for _ in bounded(rounds):
            sent = [
                partial(logging_in, person, PASSWORD, f"192.0.2.{number}")
                for number, person in enumerate(people)
            ]
            statuses.update(map(named, at_once(sent)))
    unkept = statuses.total() - statuses[200] - statuses[UNAVAILABLE]
    promised = "200 or 503 with Retry-After"
    yield Figure(f"answers to {CROWD} logins at once", described(statuses), promised, unkept)
    yield from unharmed("before", calm)
    yield from unharmed("meanwhile", busy)


def slow_clients(service: Gunicorn, rounds: int) -> Iterator[Figure]:
    """Half-sent requests, with no nginx in front, keep nobody waiting."""
    ada, bob = sign_up(service), sign_up(service)
    logins, lists = Counter[Any](), Counter[Any]()
    with probed(ada) as calm:
        time.sleep(2)
    with half_sent(service.port, HALF_SENT), probed(ada) as besieged:
        for _ in bounded(rounds):
            logins[named(answered(partial(logging_in, bob, PASSWORD)))] += 1
            lists[named(answered(partial(ada.get, "/movies")))] += 1
    scene = f"with {HALF_SENT:,} half-sent requests"
    yield tally(f"logins {scene}", logins, {200: rounds})
    yield tally(f"lists {scene}", lists, {200: rounds})
    yield from unharmed("without", calm)
    yield from unharmed(scene, besieged)
    live = [milliseconds for _, milliseconds in besieged["/health/live"]]
    soon = sum(each < SOON for each in live) / len(live)
    yield Figure(f"GET /health/live within {SOON} ms", f"{soon:.1%}", "99 %", int(soon < 0.99))


def unharmed(when: str, probes: Mapping[str, Samples]) -> Iterator[Figure]:
    """Give the times of calls that must all succeed."""
    for path, samples in probes.items():
        failed = sum(status != 200 for status, _ in samples)
        times = [milliseconds for _, milliseconds in samples]
        yield Figure(f"GET {path} {when}", latency(times), "all 200", failed)


def floods(service: Gunicorn, rounds: int) -> Iterator[Figure]:
    """Somebody who does something costly on many connections keeps nobody else from it."""
    mallory, ada = sign_up(service), sign_up(service)
    with ThreadPoolExecutor(8) as threads:
        accounts = list(threads.map(lambda _: sign_up(service), range(FLOOD)))
    brought = Counter(named(bring(mallory, ATTACKER, number)) for number in range(FILES))
    yield tally("files that make the list", brought, {200: FILES})
    yield from flooded("logins", log_in_rightly, accounts, sign_up(service), 2 * rounds)
    for what, costly in COSTLY.items():
        yield from flooded(what, costly, [mallory] * FLOOD, ada, 2 * rounds)


MEASUREMENTS = {
    "refreshes": Measurement(refreshes, 1000),
    "replays": Measurement(replays, 1000),
    "sign_ups": Measurement(sign_ups, 500),
    "timing": Measurement(timing, 2000),
    "guesses": Measurement(guesses, 100, {"RATELIMIT_ENABLED": "true", "TRUSTED_PROXIES": "1"}),
    "logins": Measurement(logins, 10, {"TRUSTED_PROXIES": "1"}),
    "floods": Measurement(floods, 10, {"TRUSTED_PROXIES": "1"}),
    "slow_clients": Measurement(slow_clients, 500),
}


def flooded(
    what: str,
    costly: Callable[[Actor, str], Answer],
    attackers: Sequence[Actor],
    owner: Actor,
    tries: int,
) -> Iterator[Figure]:
    """Do something costly as the attackers, from one address, and as somebody else elsewhere."""
    ended, witness = Event(), sign_up(owner.service)

    def flood(attacker: Actor) -> Counter[Any]:
        statuses = Counter[Any]()
        while not ended.is_set():
            statuses[named(answered(partial(costly, attacker, ATTACKER)))] += 1
            ended.wait(0.02)  # 54 that do nothing but ask would need this machine for themselves
        return statuses

    with ThreadPoolExecutor(len(attackers)) as threads:
        flooding = [threads.submit(flood, attacker) for attacker in attackers]
        results = [timed(partial(costly, owner, OWNER)) for _ in range(tries)]
        plain = [
            timed(partial(witness.get, "/movies", X_Forwarded_For=OWNER)) for _ in range(tries)
        ]
        ended.set()
        attacked = sum((future.result() for future in flooding), Counter[Any]())
    refused = attacked.total() - attacked[200] - attacked[201] - attacked[TOO_MANY]
    promised = "200 or 201, else 429 with Retry-After"
    yield Figure(f"{what}, {len(attackers)} connections", described(attacked), promised, refused)
    for which, answers in (("the same", results), ("GET /movies", plain)):
        statuses = Counter(status for status, _ in answers)
        failed = statuses.total() - statuses[200] - statuses[201]
        measured = f"{described(statuses)}; {latency([ms for _, ms in answers])}"
        yield Figure(f"{what}: {which}, from elsewhere", measured, "all 200 or 201", failed)


def besieged(service: Gunicorn, rounds: int, addresses: Sequence[str]) -> Iterator[Figure]:
    """Guess at one account from the addresses, while its owner logs in from elsewhere."""
    ada, answers, times = sign_up(service), {True: Counter[Any](), False: Counter[Any]()}, []
    tries = [(addresses[n % len(addresses)], f"a guess, number {n}") for n in range(GUESSES)]
    tries.insert(GUESSES // 2, (OWNER, PASSWORD))
    started = time.monotonic()
    with ThreadPoolExecutor(ATTACKERS) as threads:
        for _ in bounded(rounds):
            sent = [partial(logging_in, ada, guess, source) for source, guess in tries]
            results = threads.map(timed, sent)
            for (source, _guess), (status, milliseconds) in zip(tries, results, strict=True):
                answers[source == OWNER][status] += 1
                if source == OWNER:
                    times.append(milliseconds)
    minutes = (time.monotonic() - started) / 60
    scene = f"{len(addresses)} attacking address{'es' * (len(addresses) > 1)}"
    yield looked_at(scene, answers[False], len(addresses) * FREE_GUESSES * (1 + minutes))
    yield tally(f"{scene}: the owner's logins", answers[True], {200: rounds})
    yield Figure(f"{scene}: the owner waited", latency(times))


def looked_at(scene: str, answers: Counter[Any], most: float) -> Figure:
    """Compare the guesses that were checked, and so answered with 401, with what is allowed."""
    strange = answers.total() - answers[401] - answers[TOO_MANY]
    excess = max(0, answers[401] - int(most))
    promised = f"at most {int(most):,} x 401, else {TOO_MANY}"
    return Figure(f"{scene}: guesses", described(answers), promised, strange + excess)


def told_apart(known: Sequence[float], unknown: Sequence[float]) -> Figure:
    """Give the probability that a random known time exceeds a random unknown one (the AUC)."""
    ranked, pairs = sorted(unknown), len(known) * len(unknown)
    auc = sum(bisect_left(ranked, ms) + bisect_right(ranked, ms) for ms in known) / 2 / pairs
    # Of equal distributions the AUC has this standard deviation: Mann and Whitney's U.
    chance = 3 * ((len(known) + len(unknown) + 1) / (12 * pairs)) ** 0.5
    promised = f"0.500, give or take {chance:.3f} of chance"
    return Figure("AUC", f"{auc:.3f}", promised, int(abs(auc - 0.5) > chance))


def signing_up(service: Gunicorn, email: str) -> Answer:
    """Ask for an account, in vain or not."""
    account = {"name": "Ada", "email": email, "password": PASSWORD}
    return call(service, "POST", "/auth/signup", account)


def logging_in(actor: Actor, password: str, address: str | None = None) -> Answer:
    """Try a password, from an address that a proxy tells."""
    headers = {"X_Forwarded_For": address} if address else {}
    account = {"email": actor.email, "password": password}
    return call(actor.service, "POST", "/auth/login", account, **headers)


def log_in_rightly(actor: Actor, address: str) -> Answer:
    return logging_in(actor, PASSWORD, address)


def bring(actor: Actor, address: str, number: int = 0) -> Answer:
    """Import one of several files."""
    rows = (f"{title} {number}" for title in range(FILE_ROWS))
    how = {"Content_Type": "text/csv", "X_Forwarded_For": address}
    answer: Answer = actor.post("/movies/import", "\n".join(["title", *rows]).encode(), **how)
    return answer


def search(actor: Actor, address: str) -> Answer:
    """Search in such a way that most of the list is found."""
    path = "/movies?search=1&sort=title&limit=1"
    answer: Answer = actor.get(path, X_Forwarded_For=address)
    return answer


def export(actor: Actor, address: str) -> Answer:
    answer: Answer = actor.get("/movies/export", X_Forwarded_For=address)
    return answer


def send_picture(actor: Actor, address: str) -> Answer:
    movie = {"title": "Heat", "imageUrl": POSTER}
    answer: Answer = actor.post("/movies", movie, X_Forwarded_For=address)
    return answer


def add(actor: Actor, address: str) -> Answer:
    """Add a movie, for which one of the list's other changes waits."""
    answer: Answer = actor.post("/movies", {"title": "Heat"}, X_Forwarded_For=address)
    return answer


COSTLY: dict[str, Callable[[Actor, str], Answer]] = {
    "searches": search,
    "imports": bring,
    "exports": export,
    "pictures": send_picture,
    "changes": add,
}


def refused(connection: HTTPConnection, email: str) -> Answer:
    """Try a wrong password over an open connection, for a new one would add its own delays."""
    body = json.dumps({"email": email, "password": f"not {PASSWORD}"})
    connection.request("POST", "/auth/login", body, {"Content-Type": JSON})
    answer = connection.getresponse()
    return Answer(answer.status, Headers(answer.getheaders()), answer.read())


def named(answer: Answer) -> int | str:
    """Name an answer by its status, and by what a refusal must come with."""
    if answer.status in {429, 503} and answer.headers.get("Retry-After", "").isdecimal():
        return f"{answer.status} with Retry-After"
    return answer.status or answer.body.decode()


@contextmanager
def probed(actor: Actor) -> Iterator[dict[str, Samples]]:
    """Call what needs no password all the time, and note each status and its milliseconds."""
    ended = Event()
    samples: dict[str, Samples] = {"/me": [], "/health/live": []}

    def probe() -> None:
        while not ended.is_set():
            for path, noted in samples.items():
                noted.append(timed(partial(actor.get, path)))

    thread = Thread(target=probe)
    thread.start()
    try:
        yield samples
    finally:
        ended.set()
        thread.join()


def timed(request: Callable[[], Answer]) -> tuple[int | str, float]:
    """Send a request and return its answer's name and the milliseconds it took."""
    started = time.perf_counter()
    answer = answered(request)
    return named(answer), (time.perf_counter() - started) * 1000


def answered(request: Callable[[], Answer]) -> Answer:
    """Send a request; one that gets no answer counts as one of status 0 that says why."""
    try:
        return request()
    except (OSError, HTTPException) as error:
        return Answer(0, Headers(), repr(error).encode())


def at_once(requests: Sequence[Callable[[], Answer]]) -> list[Answer]:
    """Send all requests at the same moment and return their answers in order."""
    barrier = Barrier(len(requests), timeout=30)

    def send(request: Callable[[], Answer]) -> Answer:
        barrier.wait()
        return answered(request)

    with ThreadPoolExecutor(len(requests)) as threads:
        return list(threads.map(send, requests))


def bounded(rounds: int) -> Iterator[int]:
    """Count the rounds, and stop early when they take too long."""
    deadline = time.monotonic() + LONGEST
    for number in range(rounds):
        if time.monotonic() > deadline:
            return
        yield number


def tally(what: str, measured: Counter[Any], promised: Mapping[Any, int]) -> Figure:
    """Compare counts with what they must be; a round that was not run counts as a violation."""
    wanted = Counter(promised)
    violations = max((measured - wanted).total(), (wanted - measured).total())
    return Figure(what, described(measured), described(wanted), violations)


def described(counts: Counter[Any]) -> str:
    ordered = sorted(counts.items(), key=lambda item: str(item[0]))
    return ", ".join(f"{count:,} x {key}" for key, count in ordered)


def outcome(counts: Counter[Any]) -> str:
    """Name all that came of one round, so that rounds can be counted by it."""
    return f"({described(counts)})"


def latency(milliseconds: Sequence[float]) -> str:
    return (
        f"median {median(milliseconds):,.1f} ms, maximum {max(milliseconds):,.1f} ms"
        f" ({len(milliseconds):,} calls)"
    )


def health(service: Gunicorn) -> Iterator[Figure]:
    """Tell whether what was measured was up all the time, and had no error but being busy."""
    lines = service.lines()
    errors = sum(line["level"] >= 50 and line.get("statusCode") != 503 for line in lines)
    workers = sum(line["msg"].startswith("Booting worker") for line in lines)
    yield tally("workers started", Counter({"worker": workers}), {"worker": 2})
    yield Figure("errors in the log", str(errors), "0", errors)
    # One that somebody stopped early logs no error, and its exit status is 0 as well.
    last = answered(partial(call, service, "GET", "/health/live"))
    yield tally("GET /health/live at the end", Counter([named(last)]), {200: 1})


def run(name: str, url: str, folder: Path, *, quick: bool) -> int:
    """Take a measurement, print its rows and return the number of violations."""
    chosen = MEASUREMENTS[name]
    rounds = chosen.rounds // 10 if quick else chosen.rounds
    started, settings = time.monotonic(), environment(url, **chosen.settings)
    with gunicorn(folder / f"{name}.log", settings) as service:
        figures = [*chosen.measure(service, rounds), *health(service)]
    seconds = time.monotonic() - started
    for row in [*figures, Figure("duration", f"{seconds:.0f} s")]:
        violations = row.violations if row.promised else ""
        write(f"| {name} | {row.what} | {row.measured} | {row.promised} | {violations} |")
    return sum(row.violations for row in figures)


def prepare(url: str) -> None:
    """Make the tables, and tell where the figures come from."""
    with create_app(environment(url)).app_context():
        upgrade()
        names = ("server_version", "fsync", "synchronous_commit")
        version, *durability = (db.session.scalar(text(f"SHOW {name}")) for name in names)
        db.session.remove()
        db.engine.dispose()
    write(
        f"Two workers, {os.cpu_count()} CPUs, Python {platform.python_version()}, PostgreSQL"
        f" {version} (fsync {durability[0]}, synchronous_commit {durability[1]}).\n\n"
        "| attack | figure | measured | promised | violations |\n| --- | --- | --- | --- | --- |"
    )


def write(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Take the measurements that are named, or all, and return the exit status."""
    parser = argparse.ArgumentParser(description="Measure the service under attack.")
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(MEASUREMENTS))
    parser.add_argument("--quick", action="store_true", help="do a tenth of the rounds")
    chosen = parser.parse_args()
    if unknown := set(chosen.names) - set(MEASUREMENTS):
        parser.error(f"no such measurement: {', '.join(sorted(unknown))}")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 4 * HALF_SENT), hard))
    # Only an exception closes what is open, and a signal would leave gunicorn behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with TemporaryDirectory(prefix="playlist-") as name, running(Path(name, "postgres")) as url:
        prepare(url)
        names = chosen.names or MEASUREMENTS
        violations = [run(each, url, Path(name), quick=chosen.quick) for each in names]
    return int(any(violations))


if __name__ == "__main__":
    sys.exit(main())
