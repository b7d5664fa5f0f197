"""What Prometheus reads at /metrics."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from threading import Event, Thread

import pytest
from flask import Flask
from passlib.context import CryptContext
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from dev.processes import eventually
from playlist_api.app import create_app
from playlist_api.auth.passwords import hash_password
from playlist_api.db.engine import db
from playlist_api.ops import metrics
from tests.conftest import Databases
from tests.support.service import (
    ROOT,
    Actor,
    InProcess,
    Service,
    call,
    environment,
    gunicorn,
    log_in,
    sign_up,
)
from tests.test_errors import terminate_others

COUNT = "http_request_duration_seconds_count"

Figures = Callable[..., float]


def figures_of(service: Service) -> Figures:
    """Read the figures now, to be asked for one by its name and labels."""
    answer = call(service, "GET", "/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    samples = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.body.decode())
        for sample in family.samples
    }
    return lambda name, **labels: samples.get((name, *sorted(labels.items())), 0)


def test_requests_are_counted_and_timed_by_their_route(ada: Actor) -> None:
    movie = ada.add_movie()["id"]
    before = figures_of(ada.service)
    for _ in range(20):
        assert ada.get(f"/movies/{movie}").status == 200
    assert call(ada.service, "GET", f"/movies/{movie}").status == 401
    after = figures_of(ada.service)
    route = {"name": COUNT, "method": "GET", "route": "/movies/<movie_id:movie_id>"}
    for status, count in (("200", 20), ("401", 1)):
        assert after(**route, status=status) - before(**route, status=status) == count


def test_no_client_can_make_up_labels(service: Service) -> None:
    made_up = {"name": COUNT, "method": "other", "route": "none", "status": "404"}
    before = figures_of(service)
    for number in range(3):
        call(service, f"MADE{number}", f"/up/{number}")
    assert figures_of(service)(**made_up) == before(**made_up) + 3


def test_the_request_that_asks_is_in_flight(service: Service) -> None:
    eventually(lambda: figures_of(service)("http_requests_in_flight") == 1, "the others are done")


def test_security_events_are_counted_by_name(ada: Actor) -> None:
    before = figures_of(ada.service)
    log_in(ada).post("/auth/logout")
    after = figures_of(ada.service)
    for event in ("login_succeeded", "logged_out"):
        counted = {"name": "auth_events_total", "event": event}
        assert after(**counted) == before(**counted) + 1


def test_who_comes_by_way_of_a_proxy_is_told_of_nothing(service: Service) -> None:
    answer = call(service, "GET", "/metrics", X_Forwarded_For="198.51.100.7")
    assert (answer.status, answer.error["code"]) == (404, "NOT_FOUND")


@pytest.fixture
def own_database(databases: Databases) -> str:
    return databases.make_with_tables()


@pytest.fixture
def own_app(own_database: str) -> Iterator[Flask]:
    app = create_app(environment(own_database))
    with app.app_context():
        yield app
        db.engine.dispose()


def in_use(pool: str) -> float:
    value = metrics.registry.get_sample_value("database_connections_in_use", {"pool": pool})
    return value or 0


def test_connections_are_counted_while_they_are_in_use(own_app: Flask, own_database: str) -> None:
    for _ in range(2):
        with db.engine.connect() as connection:
            connection.execute(text("SELECT 1"))
            assert (in_use("statements"), in_use("transactions")) == (0, 1)
        with own_app.extensions["pool"].lend():
            assert (in_use("statements"), in_use("transactions")) == (1, 0)
        assert (in_use("statements"), in_use("transactions")) == (0, 0)
        terminate_others(own_database)


def test_what_a_lost_database_refuses_is_counted() -> None:
    lost = InProcess(create_app(environment("postgresql://nobody@127.0.0.1:9/nothing")))
    before = figures_of(lost)("database_failures_total")
    assert call(lost, "GET", "/health").status == 503
    assert figures_of(lost)("database_failures_total") == before + 1
    assert (in_use("statements"), in_use("transactions")) == (0, 0)


def test_passwords_that_wait_for_their_turn_are_counted(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = Event()
    monkeypatch.setattr(CryptContext, "hash", lambda *_: go_on.wait(20))

    def hash_slowly() -> None:
        with app.app_context():
            hash_password("")

    waiting = [Thread(target=hash_slowly) for _ in range(3)]
    for thread in waiting:
        thread.start()
    eventually(lambda: metrics.registry.get_sample_value("argon2_queue") == 3, "three wait")
    go_on.set()
    for thread in waiting:
        thread.join()
    assert metrics.registry.get_sample_value("argon2_queue") == 0


def test_figures_are_those_of_all_workers_past_and_present(
    own_database: str, tmp_path: Path
) -> None:
    folder = tmp_path / "figures"
    folder.mkdir()
    settings = environment(own_database, PROMETHEUS_MULTIPROC_DIR=str(folder))
    with gunicorn(tmp_path / "log", settings) as served:
        ada = sign_up(served)
        route = {"name": COUNT, "method": "GET", "route": "/me", "status": "200"}
        for _ in range(10):
            ada.get("/me")
        stuck = HTTPConnection("127.0.0.1", served.port)
        stuck.request("POST", "/auth/login", headers={"Content-Length": "9"})
        eventually(lambda: figures_of(served)("http_requests_in_flight") == 2, "one is stuck")
        for worker in {line["pid"] for line in served.lines()} - {served.process.pid}:
            os.kill(worker, signal.SIGKILL)
        stuck.close()
        eventually(lambda: figures_of(served)("http_requests_in_flight") == 1, "it is forgotten")
        assert figures_of(served)(**route) == 10
        served.process.send_signal(signal.SIGHUP)
        eventually(lambda: "Hang up" in served.log.read_text(), "it reloads")
        ada.get("/me")
        assert figures_of(served)(**route) == 11
        assert list(folder.glob("*.db"))
    assert not folder.exists()


def test_figures_are_read_from_what_workers_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    program = "from playlist_api.ops import metrics; metrics.events.labels('shared').inc()"
    for _ in range(2):
        subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)
    assert b'auth_events_total{event="shared"} 2.0' in metrics.exposition()
