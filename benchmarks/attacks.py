"""What others see while a client misbehaves: `make attacks`.

Each attack is on gunicorn with two workers, without nginx, and on a PostgreSQL that waits for its
disk. All requests are sent by threads of this process. The exit status is 1 if a promise is broken.
"""

import argparse
import resource
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import cycle
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from threading import Event
from typing import NamedTuple
from urllib.parse import urlsplit

from PIL import Image
from werkzeug.datastructures import Headers

from benchmarks.client import Client, Connection, Response
from benchmarks.pictures import data_url
from benchmarks.report import counted, line, machine, table, write
from benchmarks.servers import SERVICE, WORKERS, Server, gunicorn, migrate, settings
from dev.postgres import running

ATTACKER, OTHER = "203.0.113.7", "198.51.100.4"
BOTNET = [f"192.0.2.{host}" for host in range(1, 101)]

GUESSERS, CROWD, FLOOD, HALF_SENT = 16, 200, 54, 1000
"""Connections that guess a password, log in at once, do something costly, send half a request."""

FREE_GUESSES = 10
"""What `RATELIMIT_LOGIN` allows an address by default, at once and then each minute."""

PAUSE = 0.02  # else the clients take all processor time
ROWS, FILES = 10_000, 5  # of which the list is made that is searched and exported

HALF = b"POST /auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{"

POSTER = data_url(Image.effect_noise((500, 750), 40), "JPEG")

ALREADY, TOO_MANY, BUSY = (f"{status} with Retry-After" for status in (409, 429, 503))

Deed = Callable[[Client], Response]


class Figure(NamedTuple):
    """A row of the table."""

    what: str
    measured: str
    promised: str
    violations: int


def bring(client: Client, file: int = 0) -> Response:
    """Import one of several files."""
    rows = "\n".join(["title", *(f"{row} of file {file}" for row in range(ROWS))])
    return client.call("POST", "/movies/import", rows.encode(), Content_Type="text/csv")


def getting(path: str) -> Deed:
    return lambda client: client.call("GET", path)


def adding(**movie: str) -> Deed:
    return lambda client: client.call("POST", "/movies", {"title": "Heat", **movie})


CHEAP = {f"GET {path}": getting(path) for path in ("/movies", "/me", "/health/live")}

COSTLY: dict[str, Deed] = {
    "a login": Client.log_in,
    "a search": getting("/movies?search=1&sort=title&limit=1"),
    "an import": bring,
    "an export": getting("/movies/export"),
    "a picture": adding(imageUrl=POSTER),
    "a change": adding(),
}


def floods(server: Server, tries: int) -> Iterator[Figure]:
    """One client that does something costly on many connections keeps nobody else from it."""
    for what, deed in COSTLY.items():
        attackers = [Client(Connection(server.url).send, X_Forwarded_For=ATTACKER)]
        assert attackers[0].sign_up().status == 201
        for file in range(FILES if what in {"a search", "an export"} else 0):
            assert bring(attackers[0], file).status == 200
        attackers += [another(server, attackers[0]) for _ in range(FLOOD - 1)]
        with attacking(attackers, deed) as outcomes:
            yield from unharmed(server, tries, f"{FLOOD} x {what}", {what: deed, **CHEAP})
        yield only(f"{FLOOD} x {what}", outcomes, "200", "201", ALREADY, TOO_MANY)


def another(server: Server, client: Client) -> Client:
    """Return the same user on another connection."""
    made = Client(Connection(server.url).send, client.email, **client.headers)
    made.token = client.token
    return made


def crowds(server: Server, tries: int) -> Iterator[Figure]:
    """A crowd that logs in delays no other calls."""
    crowd = [new_user(server, f"198.18.0.{number}") for number in range(CROWD)]
    with attacking(crowd, Client.log_in) as outcomes:
        yield from unharmed(server, 10 * tries, f"{CROWD} users log in", CHEAP)
    yield only(f"{CROWD} users log in", outcomes, "200", BUSY)


def slow_clients(server: Server, tries: int) -> Iterator[Figure]:
    """Half-sent requests, each sent again when the server closes its connection, delay nobody."""
    address = urlsplit(server.url)

    def send_half(_: Client) -> Response:
        where = (address.hostname, address.port)
        with suppress(OSError), socket.create_connection(where, timeout=30) as connection:
            connection.sendall(HALF)
            connection.recv(65536)
        time.sleep(1)  # else this would be a flood of connections
        return Response(0, Headers(), b"")

    with attacking([Client(Connection(server.url).send)] * HALF_SENT, send_half):
        yield from unharmed(server, 10 * tries, f"{HALF_SENT} half-sent requests", CHEAP | COSTLY)


def guesses(server: Server, tries: int) -> Iterator[Figure]:
    """Few guesses at a password are checked, and its owner can always log in."""
    for scene, addresses in {"one address guesses": [ATTACKER], "a botnet guesses": BOTNET}.items():
        owner, sources, started = new_user(server, OTHER), cycle(addresses), time.monotonic()
        guessers = [Client(Connection(server.url).send, owner.email) for _ in range(GUESSERS)]

        def guess(client: Client, sources: Iterator[str] = sources) -> Response:
            return client.log_in("a wrong password", X_Forwarded_For=next(sources))

        with attacking(guessers, guess) as outcomes:
            yield done(f"{scene}: the owner logs in", owner, Client.log_in, tries)
        yield only(f"{scene}: answers", outcomes, "401", TOO_MANY)
        most = int(len(addresses) * FREE_GUESSES * (1 + (time.monotonic() - started) / 60))
        checked = outcomes["401"]
        yield Figure(f"{scene}: checked", f"{checked:,}", f"at most {most:,}", int(checked > most))


ATTACKS = {"floods": floods, "crowds": crowds, "slow": slow_clients, "guesses": guesses}


def new_user(server: Server, address: str) -> Client:
    """Sign somebody up whose requests come from an address, each on a connection of its own.

    gunicorn closes idle connections, perhaps just when a request is sent, if there are too many.
    """
    made = Client(Connection(server.url).send, X_Forwarded_For=address, Connection="close")
    while made.sign_up().status != 201:  # while a crowd logs in, too
        time.sleep(PAUSE)
    return made


@contextmanager
def attacking(clients: Sequence[Client], deed: Deed) -> Iterator[Counter[str]]:
    """Have each client do something all the time; count the outcomes when the context is left."""
    ended, outcomes = Event(), Counter[str]()

    def attack(client: Client) -> list[str]:
        found = []
        while not ended.wait(PAUSE):
            found.append(deed(client).outcome)
        return found

    with ThreadPoolExecutor(len(clients)) as threads:
        attacks = [threads.submit(attack, client) for client in clients]
        try:
            yield outcomes
        finally:
            ended.set()  # else the threads would go on
        for each in attacks:
            outcomes.update(each.result())


def unharmed(server: Server, tries: int, scene: str, deeds: Mapping[str, Deed]) -> Iterator[Figure]:
    """Have somebody else do things from another address."""
    other = new_user(server, OTHER)
    for what, deed in deeds.items():
        yield done(f"{scene}: {what} of another user", other, deed, tries)


def done(what: str, client: Client, deed: Deed, tries: int) -> Figure:
    """Do something several times; it must succeed each time."""
    outcomes, times = Counter[str](), []
    for _ in range(tries):
        started = time.perf_counter()
        outcomes[deed(client).outcome] += 1
        times.append((time.perf_counter() - started) * 1000)
    figure = only(what, outcomes, "200", "201")
    told = f"{figure.measured}; median {median(times):,.1f} ms, at most {max(times):,.0f} ms"
    return figure._replace(measured=told)


def only(what: str, outcomes: Counter[str], *allowed: str) -> Figure:
    """Return a figure in which all other outcomes are violations."""
    others = outcomes.total() - sum(outcomes[outcome] for outcome in allowed)
    return Figure(what, counted(outcomes), f"only {' or '.join(allowed)}", others)


def played(name: str, url: str, folder: Path, tries: int) -> int:
    """Play an attack, print its rows and return the number of violations."""
    media = {"MEDIA_STORAGE": str(folder / "media"), "MEDIA_URL": "http://localhost:3001/media"}
    limits = {"RATELIMIT_ENABLED": "true"} if name == "guesses" else {}
    environment = settings(url, TRUSTED_PROXIES="1", **media, **limits)
    with gunicorn(SERVICE, environment, log=folder / f"{name}.log") as server:
        figures = list(ATTACKS[name](server, tries))
        errors = server.errors()
        alive = len(server.workers())
    figures.append(Figure("errors in the log", counted(Counter(errors)), "0", len(errors)))
    figures.append(Figure("workers", str(alive), str(WORKERS), int(alive != WORKERS)))
    write(*(line([name, *figure]) for figure in figures))
    return sum(figure.violations for figure in figures)


def main() -> int:
    """Play the attacks that are named, or all, and print a table in Markdown."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the servers are stopped
    parser = argparse.ArgumentParser(description="Measure what others see under attack.")
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(ATTACKS))
    parser.add_argument("--tries", type=int, default=20, help="how often others try each call")
    chosen = parser.parse_args()
    if unknown := set(chosen.names) - set(ATTACKS):
        parser.error(f"no such attack: {', '.join(sorted(unknown))}")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 4 * HALF_SENT), hard))
    write(f"{WORKERS} workers, {machine()}.", "")
    write(*table(("attack", "what", "measured", "promised", "violations"), [], texts=4))
    with TemporaryDirectory(prefix="playlist-") as name, running(Path(name, "postgres")) as url:
        migrate(settings(url))
        names = chosen.names or ATTACKS
        return min(1, sum(played(each, url, Path(name), chosen.tries) for each in names))


if __name__ == "__main__":
    sys.exit(main())
