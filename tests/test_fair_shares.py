"""One client's crowd keeps nobody else waiting, whatever it is that they crowd."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import cycle
from pathlib import Path
from threading import Event
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import text

from dev.processes import eventually
from playlist_api.api import health
from playlist_api.app import create_app
from playlist_api.db.engine import db
from playlist_api.db.pool import CHANGES_PER_USER, CONNECTIONS_PER_USER
from playlist_api.db.statements import Query
from playlist_api.movies import page_queries
from playlist_api.movies.cursors import NEWEST_FIRST
from playlist_api.ops import mail
from playlist_api.ops.bulkheads import OVER_SHARE, ThreadBulkhead
from playlist_api.posters import images as pictures
from playlist_api.transfer import service as lists
from playlist_api.transfer.readers import read_file
from tests.support.pictures import POSTER
from tests.support.service import (
    PASSWORD,
    Actor,
    Answer,
    InProcess,
    call,
    environment,
    gunicorn,
    sign_up,
)

BEHIND_A_PROXY = {"TRUSTED_PROXIES": "1"}
HERE, THERE = ({"X_Forwarded_For": address} for address in ("198.51.100.4", "203.0.113.7"))
CROWD = 24


@pytest.fixture(scope="module")
def app(database_url: str) -> Flask:
    return create_app(environment(database_url, **BEHIND_A_PROXY))


@pytest.fixture(scope="module")
def service(app: Flask) -> InProcess:
    return InProcess(app)


def logging_in(actor: Actor, address: dict[str, str]) -> Answer:
    credentials = {"email": actor.email, "password": PASSWORD}
    return call(actor.service, "POST", "/auth/login", credentials, **address)


def test_an_address_that_floods_logins_rightly_keeps_no_others_out(
    database_url: str, tmp_path: Path
) -> None:
    settings = environment(database_url, **BEHIND_A_PROXY, WEB_CONCURRENCY="1")
    with gunicorn(tmp_path / "log", settings) as served, ThreadPoolExecutor(36) as threads:
        people = [sign_up(served) for _ in range(3)]
        ended = Event()

        def flood(person: Actor) -> list[Answer]:
            answers = []
            while not ended.is_set():
                answers.append(logging_in(person, HERE))
                ended.wait(0.05)
            return answers

        flooding = [threads.submit(flood, person) for person in people * 12]
        others = [logging_in(person, THERE) for person in people for _ in range(2)]
        ended.set()
        answers = [answer for each in flooding for answer in each.result()]
    assert {answer.status for answer in others} == {200}
    assert {answer.status for answer in answers} == {200, 429}
    assert_are_told_to_come_back(answers)


def assert_are_told_to_come_back(answers: list[Answer]) -> None:
    refused = [answer for answer in answers if answer.status == 429]
    assert {answer.error["message"] for answer in refused} == {OVER_SHARE}
    assert {answer.headers["Retry-After"] for answer in refused} == {"5"}


class Gate:
    """Stands in front of work: whoever comes is counted, and waits until it is opened."""

    def __init__(self) -> None:
        self.came, self._open = 0, Event()

    def before(self, work: Callable[..., Any]) -> Callable[..., Any]:
        def held(*arguments: Any, **options: Any) -> Any:
            self.came += 1
            self._open.wait(20)
            return work(*arguments, **options)

        return held

    def open(self) -> None:
        self._open.set()


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open()


def crowded(crowd: list[Future[Answer]], at_most: int) -> bool:
    """Tell whether so many wait at most, for all others have their answer."""
    return sum(not future.done() for future in crowd) <= at_most


@pytest.mark.parametrize("shared", ["user", "address"])
@pytest.mark.parametrize("query", ["search=heat", "page=100000"])
def test_one_users_or_addresss_searches_leave_room_for_others(
    app: Flask, bob: Actor, gate: Gate, monkeypatch: pytest.MonkeyPatch, shared: str, query: str
) -> None:
    people = [sign_up(InProcess(app)) for _ in range(1 if shared == "user" else CROWD)]
    addresses = [f"192.0.2.{n}" for n in range(CROWD)] if shared == "user" else ["192.0.2.1"]
    everybody = zip(cycle(people), cycle(addresses), range(CROWD), strict=False)
    pages = page_queries.search_pages if "search" in query else page_queries.numbered_pages
    monkeypatch.setitem(pages, NEWEST_FIRST, gate.before(pages[NEWEST_FIRST]))
    with ThreadPoolExecutor(CROWD) as threads:
        crowd = [
            threads.submit(partial(person.get, f"/movies?{query}", X_Forwarded_For=address))
            for person, address, _ in everybody
        ]
        eventually(lambda: crowded(crowd, 2 + 8), "those who find no place are refused")
        eventually(lambda: gate.came == 2, "two of the others are at work")
        monkeypatch.undo()
        assert bob.get(f"/movies?{query}", **THERE).status == 200
        assert people[0].get("/movies", **HERE).status == 200
        gate.open()
        answers = [future.result() for future in crowd]
    assert Counter(answer.status for answer in answers) == {200: 10, 429: CROWD - 10}
    assert_are_told_to_come_back(answers)


WAITING_FOR_LOCKS = text("SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted")


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_one_users_changes_that_wait_for_a_lock_leave_connections_to_others(
    app: Flask, ada: Actor, bob: Actor, method: str
) -> None:
    table = "MovieCount" if method == "POST" else "Movie"
    lock = text(f"""SELECT FROM "{table}" WHERE "ownerId" = :owner FOR UPDATE""")
    path, other = (
        "/movies" if method == "POST" else f"/movies/{actor.add_movie()['id']}"
        for actor in (ada, bob)
    )
    ada.add_movie()
    change = partial(ada.call, method, path, {"title": "Ronin"})
    with ThreadPoolExecutor(CROWD + 8) as threads:
        with app.app_context(), db.engine.connect() as connection:
            connection.execute(lock, {"owner": ada.user["id"]})
            crowd = [threads.submit(change) for _ in range(CROWD + 8)]
            eventually(
                lambda: connection.scalar(WAITING_FOR_LOCKS) == CHANGES_PER_USER, "some wait"
            )
            eventually(lambda: crowded(crowd, CHANGES_PER_USER + 16), "those beyond are refused")
            answers = [bob.call(method, other, {"title": "Ronin"}) for _ in range(5)]
            connection.rollback()
        refused = [future.result() for future in crowd if future.result().status == 429]
    assert {answer.status for answer in answers} <= {200, 201}
    assert refused
    assert_are_told_to_come_back(refused)


def test_one_client_that_reads_metrics_keeps_nobody_waiting(
    app: Flask, bob: Actor, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "exposition", gate.before(lambda: b""))
    with ThreadPoolExecutor(CROWD) as threads:
        crowd = [threads.submit(call, InProcess(app), "GET", "/metrics") for _ in range(CROWD)]
        eventually(lambda: crowded(crowd, 1 + 4), "those who find no place are refused")
        eventually(lambda: gate.came == 1, "one of the others is at work")
        assert bob.get("/movies").status == 200
        gate.open()
        answers = [future.result() for future in crowd]
    assert Counter(answer.status for answer in answers) == {200: 5, 429: CROWD - 5}
    assert_are_told_to_come_back(answers)


HELD = text("SELECT pg_advisory_xact_lock_shared(:key)")


def test_one_users_reads_leave_connections_to_others(
    app: Flask, ada: Actor, bob: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, pages = uuid4().int % 2**31, page_queries.numbered_pages
    held, page = Query("held", HELD), pages[NEWEST_FIRST]

    def slow(**parameters: Any) -> list[tuple[Any, ...]]:
        held(key=key)
        return page(**parameters)

    with ThreadPoolExecutor(2 * CROWD) as threads:
        with app.app_context(), db.engine.connect() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})
            monkeypatch.setitem(pages, NEWEST_FIRST, slow)
            crowd = [threads.submit(ada.get, "/movies") for _ in range(2 * CROWD)]
            eventually(
                lambda: connection.scalar(WAITING_FOR_LOCKS) == CONNECTIONS_PER_USER, "some wait"
            )
            eventually(
                lambda: crowded(crowd, CONNECTIONS_PER_USER + 16), "those beyond are refused"
            )
            answers = [bob.get(path) for path in ("/me", "/movies?sort=title") for _ in range(5)]
            connection.rollback()
        refused = [future.result() for future in crowd if future.result().status == 429]
    assert {answer.status for answer in answers} == {200}
    assert refused
    assert_are_told_to_come_back(refused)


def bring(actor: Actor, address: dict[str, str], file: bytes) -> Answer:
    how = {"Content_Type": "text/csv", **address}
    answer: Answer = actor.post("/movies/import", file, **how)
    return answer


SMALL = b"title\nHeat\n"
LARGE = SMALL + (b" " * 9_999 + b"\n") * 7


@pytest.mark.parametrize(("file", "held"), [(SMALL, 1 + 6), (LARGE, 2 + 8)], ids=["small", "large"])
def test_one_users_files_leave_room_for_others(
    ada: Actor, bob: Actor, gate: Gate, monkeypatch: pytest.MonkeyPatch, file: bytes, held: int
) -> None:
    monkeypatch.setattr(lists, "read_file", gate.before(read_file))
    with ThreadPoolExecutor(CROWD) as threads:
        crowd = [threads.submit(bring, ada, HERE, file) for _ in range(CROWD)]
        eventually(lambda: crowded(crowd, held), "those whose file finds no place are refused")
        eventually(lambda: gate.came == 1, "one of the others is at work")
        monkeypatch.setattr(lists, "read_file", read_file)
        assert bring(bob, THERE, file).status == 200
        gate.open()
        answers = [future.result() for future in crowd]
    assert {answer.status for answer in answers} == {200, 429}
    assert_are_told_to_come_back(answers)


def test_one_users_pictures_leave_room_for_others(
    ada: Actor, bob: Actor, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "reencode", gate.before(pictures.reencode))
    movie = {"title": "Heat", "imageUrl": POSTER}
    with ThreadPoolExecutor(CROWD + 1) as threads:
        crowd = [threads.submit(partial(ada.post, "/movies", movie, **HERE)) for _ in range(CROWD)]
        eventually(lambda: crowded(crowd, 1 + 8), "those who find no place are refused")
        other = threads.submit(partial(bob.post, "/movies", movie, **THERE))
        eventually(lambda: crowded(crowd, 1 + 7), "one of them makes room")
        gate.open()
        assert other.result().status == 201
        answers = [future.result() for future in crowd]
    assert Counter(answer.status for answer in answers) == {201: 8, 429: CROWD - 8}
    assert_are_told_to_come_back(answers)


@contextmanager
def exporting(actor: Actor, path: str) -> Iterator[int]:
    """Ask for a file and do not read it yet."""
    assert isinstance(actor.service, InProcess)
    client = actor.service.app.test_client(use_cookies=False)
    headers = {"Authorization": f"Bearer {actor.token}", "X-Forwarded-For": "198.51.100.4"}
    with client.get(path, headers=headers) as answer:
        yield answer.status_code


@pytest.mark.parametrize("path", ["/movies/export", "/me/export"])
def test_one_users_exports_leave_room_for_others(ada: Actor, bob: Actor, path: str) -> None:
    ada.add_movie()
    with exporting(ada, path) as first, exporting(ada, path) as second:
        assert (first, second) == (200, 200)
        refused = ada.get(path, **THERE)
        assert refused.status == 429
        assert_are_told_to_come_back([refused])
        assert bob.get(path, **THERE).status == 200
    assert ada.call("HEAD", path, **HERE).status == 200
    with exporting(ada, path) as first, exporting(ada, path) as second:
        assert (first, second) == (200, 200)


def test_one_clients_mails_keep_nobody_elses_waiting(
    database_url: str,
    gate: Gate,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    sent: list[str] = []
    short = ThreadBulkhead("mail", 1, queue=2, timeout=None)
    monkeypatch.setattr(mail, "mail_bulkhead", short)
    monkeypatch.setattr(mail, "send", gate.before(lambda _, to: sent.append(to.normalized)))
    service = InProcess(create_app(environment(database_url, **BEHIND_A_PROXY)))
    ada, bob = sign_up(service), sign_up(service)
    assert [asking(ada, HERE).status for _ in range(3)] == [202] * 3
    refused = asking(ada, HERE)
    assert refused.status == 429
    assert_are_told_to_come_back([refused])
    assert asking(bob, THERE).status == 202
    assert "A mail is dropped" in caplog.text
    gate.open()
    eventually(lambda: sent == [ada.email, ada.email, bob.email], "the others are sent")


def asking(actor: Actor, address: dict[str, str]) -> Answer:
    """Ask for a link to set a new password."""
    body = {"email": actor.email}
    return call(actor.service, "POST", "/auth/password/forgot", body, **address)
