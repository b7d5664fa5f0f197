"""Metrics for Prometheus, summed over a server's workers.

The workers of a server share files in the folder `PROMETHEUS_MULTIPROC_DIR`, which must be set
before this module is imported: see gunicorn.conf.py.
"""

import os
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
"""Seconds: most requests take a few milliseconds, a password's hash 30, and every wait for the
database or a bulkhead ends within 10."""

registry = CollectorRegistry()
live_gauge = partial(Gauge, registry=registry, multiprocess_mode="livesum")

requests = Histogram(
    "http_request_duration_seconds",
    "Requests answered, and the time until the answer was ready to be sent.",
    ["method", "route", "status"],
    buckets=BUCKETS,
    registry=registry,
)
in_flight = live_gauge("http_requests_in_flight", "Requests being answered.")
_connections = live_gauge(
    "database_connections_in_use",
    "Connections to the database at work, for single statements or transactions.",
    ["pool"],
)
statements = _connections.labels("statements")
transactions = _connections.labels("transactions")
database_failures = Counter(
    "database_failures",
    "Requests refused as the database was away, busy, or without a free connection.",
    registry=registry,
)
hashing = live_gauge("argon2_queue", "Passwords being hashed or waiting for that.")
drawing = live_gauge(
    "picture_queue", "Pictures being checked and written anew, or waiting for that."
)
bulkheads = live_gauge(
    "bulkhead_requests",
    "Requests at work, or waiting for that, where only so many may be.",
    ["bulkhead"],
)
events = Counter(
    "auth_events",
    "Security events, by the names that they have in the log.",
    ["event"],
    registry=registry,
)


def exposition() -> bytes:
    """Return all metrics in Prometheus' text format, over all workers if there are several."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(registry)
    gathered = CollectorRegistry()
    MultiProcessCollector(gathered)  # type: ignore[no-untyped-call]
    return generate_latest(gathered)
