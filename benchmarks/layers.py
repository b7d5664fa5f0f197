"""What each layer costs that a deployment may add: `make bench OF=layers`.

The same calls are sent straight to gunicorn; by way of nginx as it is shipped, over HTTPS, on
connections that are kept; to a gunicorn that reaches PostgreSQL through PgBouncer, which has four
connections for all transactions; and to one that reaches it over TCP with TLS, which nginx speaks
in front of PostgreSQL's socket, as the PostgreSQL that comes with the project speaks none.
PgBouncer is the machine's (on Debian: apt install pgbouncer), and left out where it is missing.
"""

import argparse
import os
import shutil
import signal
import ssl
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import psutil
from sqlalchemy import URL, make_url

from benchmarks.load import Load, request
from benchmarks.report import described, header, row
from benchmarks.servers import Server, gunicorn, measure, postmaster, started
from benchmarks.speed import WARM_UP, machine, write
from benchmarks.subjects import SMALL, Subject, subject
from dev.cluster import NAME, PORT, unprivileged
from dev.postgres import running
from tests.nginx import nginx
from tests.service import ROOT, environment, free_port
from tests.waiting import eventually

CALLS = {"GET /me": "/me", "GET /movies, 42 own": "/movies?page=1&limit=20"}

PARTS = ("service", "PostgreSQL", "nginx", "PgBouncer")

POSTGRESQL_BY_TLS = """
stream {{
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate tls/tls.crt;
        ssl_certificate_key tls/tls.key;
        ssl_alpn postgresql;
        proxy_pass unix:{socket};
    }}
}}
"""

PGBOUNCER_SETTINGS = """
[databases]
* = host={sockets} port={postgres} user={user}
[pgbouncer]
unix_socket_dir = {sockets}
listen_port = {port}
auth_type = any
pool_mode = transaction
default_pool_size = 4
max_client_conn = 200
"""


@dataclass(frozen=True)
class Way:
    """Where requests are sent, and the servers that they keep busy, by the names of their parts."""

    url: str
    servers: Mapping[str, Server]
    tls: ssl.SSLContext | None = None


@contextmanager
def ways(folder: Path) -> Iterator[tuple[Subject, dict[str, Way]]]:
    """Start everything; all ways lead to the same database."""
    with ExitStack() as stack:
        url = stack.enter_context(running(folder))
        on = stack.enter_context(subject("layers", url, [SMALL]))
        database = make_url(on.database)
        direct = {"service": on.server, "PostgreSQL": postmaster(folder)}
        found = {"direct": Way(on.server.url, direct)}
        port = free_port()
        by_tls = POSTGRESQL_BY_TLS.format(port=port, socket=folder / "socket" / f".s.PGSQL.{PORT}")
        service_port = urlsplit(on.server.url).port or 0
        front = stack.enter_context(nginx(service_port, also=by_tls))
        proxied = {**direct, "nginx": Server(psutil.Process(front.process.pid))}
        found["nginx"] = Way(f"https://127.0.0.1:{front.port}", proxied, front.trust)
        if shutil.which("pgbouncer"):
            pool, pool_port = stack.enter_context(pgbouncer(folder))
            server = stack.enter_context(service(database.set(port=pool_port)))
            found["PgBouncer"] = Way(server.url, {**direct, "service": server, "PgBouncer": pool})
        tls = {"sslmode": "require", "sslnegotiation": "direct"}
        secured = database.set(host="127.0.0.1", port=port, query=tls)
        server = stack.enter_context(service(secured))
        found["PostgreSQL with TLS"] = Way(server.url, {**proxied, "service": server})
        yield on, found


def service(database: URL) -> AbstractContextManager[Server]:
    """Serve with a database at an address of its own."""
    settings = environment(database.render_as_string(hide_password=False))
    return gunicorn("wsgi:app", ROOT, settings, "-c", "gunicorn.conf.py")


@contextmanager
def pgbouncer(folder: Path) -> Iterator[tuple[Server, int]]:
    """Start a PgBouncer for the PostgreSQL in a folder: another port in the same folder."""
    port, configuration = free_port(), folder / "pgbouncer.ini"
    configuration.write_text(
        PGBOUNCER_SETTINGS.format(sockets=folder / "socket", postgres=PORT, user=NAME, port=port)
    )
    # Like PostgreSQL, it does not run as root.
    unroot = unprivileged(folder) if os.geteuid() == 0 else []
    with started([*unroot, "pgbouncer", "-q", str(configuration)], folder) as process:
        eventually((folder / "socket" / f".s.PGSQL.{port}").exists, "PgBouncer is up")
        yield Server(process), port


def measured(way: Way, requests: Sequence[bytes], seconds: float) -> tuple[Load, dict[str, float]]:
    """Send the requests, and tell each part's milliseconds of processor for one of them."""
    load, used = measure(way.url, requests, seconds, *way.servers.values(), tls=way.tls)
    return load, dict(zip(way.servers, used, strict=True))


def main() -> int:
    """Measure in turn, and print a table in Markdown; 1 is the status if a call failed."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is ended
    parser = argparse.ArgumentParser(description="Measure what each layer costs.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3, help="of each way in each round")
    chosen = parser.parse_args()
    found: dict[tuple[str, str], list[tuple[Load, dict[str, float]]]] = {}
    with TemporaryDirectory(prefix="playlist-") as folder, ways(Path(folder)) as (on, all_ways):
        sent = {
            name: [request("GET", path, on.owners[SMALL].token)] for name, path in CALLS.items()
        }
        for way, requests in product(all_ways.values(), sent.values()):
            measured(way, requests, WARM_UP)
        for _, call, name in product(range(chosen.rounds), sent, all_ways):
            run = measured(all_ways[name], sent[call], chosen.seconds)
            found.setdefault((call, name), []).append(run)
    write(f"{machine()}; medians of {chosen.rounds} rounds of {chosen.seconds:g} s.", "")
    write(*table(found))
    if not shutil.which("pgbouncer"):
        write("", "PgBouncer is not installed.")
    return int(any(load.failures for runs in found.values() for load, _ in runs))


def table(
    found: Mapping[tuple[str, str], Sequence[tuple[Load, dict[str, float]]]],
) -> Iterator[str]:
    """Make the lines of a table: medians, the parts' in milliseconds of processor for a request."""
    yield from header(
        "call", "way", "requests/s", "p50 ms", "p99 ms", *PARTS, "together", "failed", words=2
    )
    for (call, way), runs in found.items():
        loads, used = zip(*runs, strict=True)
        parts = [median(one.get(part, 0) for one in used) for part in PARTS]
        yield row(
            call,
            way,
            f"{median(load.requests / load.seconds for load in loads):,.0f}",
            *(f"{median(load.percentile(p) for load in loads):.1f}" for p in (50, 99)),
            *(f"{part:.3f}" if part else "" for part in parts),
            f"{median(sum(one.values()) for one in used):.3f}",
            described(sum((load.failures for load in loads), Counter())) or "0",
        )


if __name__ == "__main__":
    sys.exit(main())
