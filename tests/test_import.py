"""Bringing movies in from a file: what becomes of each row, and of the list."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from math import inf
from threading import Event
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, text

from dev.processes import eventually
from playlist_api.db.engine import db
from playlist_api.db.models import User
from playlist_api.transfer import service
from playlist_api.transfer.readers import Row, read_file
from playlist_api.transfer.service import IMPORT_BATCH, import_rows
from playlist_api.transfer.uploads import MAX_FILE
from tests.support.service import (
    Actor,
    Answer,
    Gunicorn,
    before_statement,
    elsewhere,
    log_in,
    sign_up,
)

HEATS = "title,year\n" + "".join(f"Heat {number},1995\n" for number in range(2500))

TOTALS = ("rows", "created", "duplicateInList", "duplicateInFile", "skipped", "refused")

DEAREST = "\ufdfa" * 240
"""A title that PostgreSQL takes 1.6 ms to fold: each letter becomes 18."""

BOUNDARY = "dd7a4b2f"
FORM = f"multipart/form-data; boundary={BOUNDARY}"


def form(*parts: tuple[str, bytes]) -> bytes:
    """A form of parts, each with what its Content-Disposition says besides."""
    head = f"--{BOUNDARY}\r\nContent-Disposition: form-data; "
    sent = (head.encode() + what.encode() + b"\r\n\r\n" + it + b"\r\n" for what, it in parts)
    return b"".join(sent) + f"--{BOUNDARY}--\r\n".encode()


def bring(ada: Actor, content: str | bytes, query: str = "", **headers: str) -> Answer:
    file = content if isinstance(content, bytes) else content.encode()
    headers = {"Content_Type": "text/csv", **headers}
    answer: Answer = ada.post(f"/movies/import{query}", file, **headers)
    return answer


def titles(ada: Actor) -> list[str]:
    return [movie["title"] for movie in ada.get("/movies?limit=100").json["items"]]


def outcomes(report: Any) -> list[str]:
    return [row["outcome"] for row in report["rows"]]


def test_the_report_tells_what_became_of_each_row(ada: Actor) -> None:
    there = ada.add_movie("Léon: The Professional", year="1994")
    rows = "Heat,1995\nleon the professional,1994\nHEAT,1995\nHeat,1994\n,1999\n"
    answer = bring(ada, f"title,year\n{rows}")
    assert answer.status == 200
    heat, other, *_ = reversed(ada.get("/movies").json["items"][:2])
    assert answer.json == {
        "dryRun": False,
        "format": "csv",
        "totals": dict(zip(TOTALS, (5, 2, 1, 1, 0, 1), strict=True)),
        "rows": [
            row(2, "created", "Heat", "1995", heat["id"]),
            row(
                *(3, "duplicateInList", "leon the professional", "1994", there["id"]),
                "Is on the list already.",
            ),
            row(4, "duplicateInFile", "HEAT", "1995", None, "Is the movie of line 2."),
            row(5, "created", "Heat", "1994", other["id"]),
            row(6, "refused", None, "1999", None, "Title must be given."),
        ],
    }


def row(
    line: int, outcome: str, title: str | None, year: str, movie: int | None, reason: Any = None
) -> dict[str, Any]:
    told = {"line": line, "outcome": outcome, "title": title, "year": year}
    return {**told, "movieId": movie, "reason": reason}


def test_the_list_keeps_the_files_order_and_what_is_in_it(ada: Actor) -> None:
    url = "https://example.com/heat.jpg"
    bring(ada, f"title,year,imageUrl\nHeat,1995,{url}\nRonin,,\nAlien,1979,\n")
    movies = ada.get("/movies").json["items"]
    assert [(movie["title"], movie["year"], movie["imageUrl"]) for movie in movies] == [
        ("Alien", "1979", None),
        ("Ronin", None, None),
        ("Heat", "1995", url),
    ]


def test_looking_at_a_file_changes_nothing_and_says_the_same(ada: Actor) -> None:
    ada.add_movie("Ronin")
    file = "title\nHeat\nRonin\nheat\n"
    looked = bring(ada, file, "?dryRun=true").json
    assert titles(ada) == ["Ronin"]
    done = bring(ada, file, "?dryRun=false").json
    assert looked["totals"] == done["totals"]
    assert outcomes(looked) == outcomes(done) == ["created", "duplicateInList", "duplicateInFile"]
    assert (looked["dryRun"], looked["rows"][0]["movieId"]) == (True, None)


def test_a_file_of_several_batches_is_imported_once(eve: Actor) -> None:
    file = f"{HEATS}heat 7,1995\n"
    first = bring(eve, file).json
    assert first["totals"]["created"] == 2500
    assert first["rows"][-1]["reason"] == "Is the movie of line 9."
    newest = eve.get("/movies?limit=1").json
    assert newest["meta"]["total"] == 2500
    assert newest["items"][0]["id"] == first["rows"][2499]["movieId"]
    again = bring(eve, file).json["totals"]
    assert (again["created"], again["duplicateInList"]) == (0, 2501)


def test_the_most_expensive_titles_are_imported_in_short_statements(app: Flask, eve: Actor) -> None:
    sent: list[int] = []

    def note(_connection: Any, _cursor: Any, _statement: str, given: Any, *_: Any) -> None:
        if "title" in given:
            sent.append(len("".join(given["title"]).encode()))

    file = "title\n" + "".join(f"{number}{DEAREST}\n" for number in range(100))
    with app.app_context():
        event.listen(db.engine, "before_cursor_execute", note)
        try:
            assert bring(eve, file).json["totals"]["created"] == 100
        finally:
            event.remove(db.engine, "before_cursor_execute", note)
    assert sum(sent) == 2 * len(file.replace("\n", "").removeprefix("title").encode())
    assert max(sent) <= 16 * 1024


def test_a_movie_that_somebody_else_has_is_no_duplicate(ada: Actor, bob: Actor) -> None:
    bob.add_movie("Heat")
    assert outcomes(bring(ada, "title\nHeat\n").json) == ["created"]
    assert titles(bob) == ["Heat"]


def test_a_file_may_be_a_part_of_a_form_whatever_it_is_called(ada: Actor) -> None:
    body = form(
        ('name="comment"', b"my list"),
        ('name="file"; filename="movies.exe"', b"title\nHeat\n"),
    )
    assert outcomes(bring(ada, body, Content_Type=FORM).json) == ["created"]


@pytest.mark.parametrize("media_type", ["", "application/pdf", "nonsense", "application/json"])
def test_a_file_may_be_the_body_whatever_it_is_called(ada: Actor, media_type: str) -> None:
    assert outcomes(bring(ada, "title\nHeat\n", Content_Type=media_type).json) == ["created"]


FILE = 'name="file"; filename="x.csv"'

LIST = form((FILE, b"title\nHeat\n"))
MANY_HEADERS = (
    f"--{BOUNDARY}x\r\n\r\n\n--{BOUNDARY}\r\n".encode()
    + b"A: b\r\n" * 4000
    + f"\r\nx\r\n--{BOUNDARY}--\r\n".encode()
)

NO_FORMS: dict[str, tuple[str, bytes, str]] = {
    "no parts": (FORM, form(), "file"),
    "another part": (FORM, form(('name="list"; filename="x.csv"', b"title\n")), "file"),
    "a part that is no file": (FORM, form(('name="file"', b"title\nHeat\n")), "file"),
    "an empty file": (FORM, form((FILE, b"")), "file"),
    "a file that is no list": (FORM, form((FILE, b"x")), "file"),
    "nothing at all": (FORM, b"", "file"),
    "no boundary": ("multipart/form-data", LIST, "body"),
    "another boundary": (FORM.replace("dd", "ee"), LIST, "body"),
    "cut off": (FORM, LIST[:-20], "body"),
    "too many parts": (FORM, form(*[('name="x"', b"y")] * 11, (FILE, b"title\n")), "body"),
    "a part of many headers": (FORM, MANY_HEADERS, "body"),
    "a part without a disposition": (FORM, f"--{BOUNDARY}\r\n\r\nx\r\n".encode(), "body"),
}


@pytest.mark.parametrize("name", NO_FORMS)
def test_a_form_that_has_no_list_is_refused(witness: Actor, name: str) -> None:
    media_type, body, field = NO_FORMS[name]
    assert bring(witness, body, Content_Type=media_type).fields == {field}


@pytest.mark.parametrize("value", ["", "1", "True", "yes", "true&dryRun=true", "%00"])
def test_a_dry_run_is_one_or_is_not(witness: Actor, value: str) -> None:
    assert bring(witness, "title\nHeat\n", f"?dryRun={value}").fields == {"dryRun"}


@pytest.mark.parametrize("framed", [False, True])
def test_a_file_may_have_ten_megabytes_however_it_is_sent(witness: Actor, framed: bool) -> None:
    def send(size: int) -> Answer:
        file = (b"title\nTen Megabytes\n" + (b" " * 9_999 + b"\n") * 1100)[:size]
        body = form((FILE, file)) if framed else file
        how = {"Content_Type": FORM} if framed else {}
        return bring(witness, body, "?dryRun=true", **how)

    assert send(MAX_FILE).json["totals"]["created"] == 1
    assert send(MAX_FILE + 1).status == 413
    assert send(MAX_FILE + 128 * 1024).status == 413


def test_who_is_asking_comes_before_what_is_in_the_file(witness: Actor) -> None:
    ended = log_in(witness)
    ended.post("/auth/logout")
    for token in ("x", ended.token):
        answer = witness.post("/movies/import?dryRun=1", b"", token=token, Content_Type="text/csv")
        assert answer.status == 401


def test_a_file_in_chunks_is_read_to_its_end(served: Gunicorn) -> None:
    ada = sign_up(served)
    rows = HEATS.encode()
    connection = HTTPConnection("127.0.0.1", served.port, timeout=30)
    connection.request(
        *("POST", "/movies/import", iter([rows[:10], rows[10:5000], rows[5000:]])),
        {"Authorization": f"Bearer {ada.token}"},
        encode_chunked=True,
    )
    answer = connection.getresponse()
    assert (answer.status, b'"created":2500' in answer.read()) == (200, True)
    connection.close()


ADDING = 'INSERT INTO "Movie"'


def test_a_session_that_ends_meanwhile_has_imported_nothing(app: Flask, eve: Actor) -> None:
    other = log_in(eve)
    before_statement(app, ADDING, lambda: elsewhere(lambda: eve.post("/auth/logout")))
    assert bring(eve, "title\nHeat\n").status == 401
    assert titles(other) == []


def test_an_account_that_is_deleted_meanwhile_imports_nothing(app: Flask, eve: Actor) -> None:
    deletion = ["users", "delete", "--yes", eve.email]
    run = app.test_cli_runner().invoke
    before_statement(app, ADDING, lambda: elsewhere(lambda: run(args=deletion)))
    assert bring(eve, "title\nHeat\n").status == 401


def test_what_the_database_refuses_for_another_reason_is_a_bug(app: Flask, eve: Actor) -> None:
    broken = text("""INSERT INTO "Movie" (title, "ownerId") VALUES ('', NULL)""")
    before_statement(app, ADDING, lambda: db.session.execute(broken))
    assert bring(eve, "title\nHeat\n").status == 500


@contextmanager
def importing(app: Flask, owner: Actor, titles: str = "Heat") -> Iterator[Callable[[], None]]:
    """Keep an import open that has added a movie for each word. Call the result to finish it."""
    added, finish = Event(), Event()

    def rows() -> Iterator[Row]:
        lines = ["title", *titles.split()]
        yield from read_file("\n".join(lines + lines[-1:] * IMPORT_BATCH).encode()).rows
        added.set()  # the first batch is added before the second one is read to its end
        finish.wait(20)

    def run() -> None:
        with app.app_context():
            owned_by = db.session.get_one(User, owner.user["id"])
            import_rows(owned_by, rows(), dry_run=False)

    with ThreadPoolExecutor(1) as threads:
        done = threads.submit(run)

        def end() -> None:
            finish.set()
            done.result()

        try:
            eventually(lambda: added.is_set() or done.done(), "the import has added movies")
            yield end
        finally:
            end()


def test_of_two_imports_at_once_the_second_is_told_to_come_again(app: Flask, eve: Actor) -> None:
    with importing(app, eve):
        answer = bring(eve, "title\nHeat\n")
    assert (answer.status, answer.headers["Retry-After"]) == (409, "5")
    assert outcomes(bring(eve, "title\nHeat\n").json) == ["duplicateInList"]
    assert titles(eve) == ["Heat"]


def test_the_second_of_two_imports_at_once_finds_what_the_first_has_added(
    app: Flask, eve: Actor
) -> None:
    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    with app.app_context(), importing(app, eve) as end, ThreadPoolExecutor(1) as threads:
        second = threads.submit(bring, eve, "title\nHeat\n")
        eventually(lambda: db.session.scalar(waiting), "the second import waits")
        end()
        assert outcomes(second.result().json) == ["duplicateInList"]


def test_a_file_that_takes_too_long_is_refused_whole(
    app: Flask, eve: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    before_statement(app, ADDING, lambda: monkeypatch.setattr(service, "monotonic", lambda: inf))
    assert bring(eve, HEATS).fields == {"file"}
    assert titles(eve) == []


def test_a_dry_run_waits_for_nobody(app: Flask, eve: Actor) -> None:
    with importing(app, eve):
        answer = bring(eve, "title\nHeat\n", "?dryRun=true")
    assert outcomes(answer.json) == ["created"]


def test_imports_of_one_file_at_once_make_no_duplicates(served: Gunicorn) -> None:
    ada = sign_up(served)
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: bring(ada, HEATS), range(4)))
    assert {answer.status for answer in answers} <= {200, 409, 429, 503}
    created = [answer.json["totals"]["created"] for answer in answers if answer.status == 200]
    assert sum(created) == ada.get("/movies").json["meta"]["total"] == 2500
