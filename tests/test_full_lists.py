"""A list has an end, whoever adds to it and however many do so at once."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from dev.processes import eventually
from playlist_api.app import create_app
from playlist_api.db.engine import db
from tests.conftest import Databases
from tests.support.service import Actor, Answer, InProcess, environment, sign_up, sql
from tests.test_import import bring, importing, outcomes, titles
from tests.test_races import at_once

MOST = 5
FULL = "Your list is full: it may hold 5 movies."
REFUSED = "The list is full: it may hold 5 movies."
WAITING = text("SELECT count(*) FROM pg_locks WHERE NOT granted")


@pytest.fixture(scope="module")
def small(databases: Databases) -> Iterator[Flask]:
    """The service, where a list may have five movies."""
    app = create_app(environment(databases.make_with_tables(), MOVIES_PER_USER=str(MOST)))
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def ada(small: Flask) -> Actor:
    return sign_up(InProcess(small))


def fill(app: Flask, actor: Actor, movies: int) -> None:
    """Put movies on a list behind the service's back."""
    rows = """INSERT INTO "Movie" (title, "ownerId")
              SELECT 'Heat ' || n, :owner FROM generate_series(1, :movies) n"""
    sql(app, rows, owner=actor.user["id"], movies=movies)


def add(actor: Actor, title: str, key: str | None = None) -> Answer:
    headers = {"Idempotency_Key": key} if key else {}
    answer: Answer = actor.post("/movies", {"title": title}, **headers)
    return answer


@pytest.mark.parametrize("key", [None, "x"])
def test_a_full_list_takes_no_movie_and_says_so(small: Flask, ada: Actor, key: str | None) -> None:
    fill(small, ada, MOST - 1)
    last = add(ada, "Ronin", "last")
    assert last.status == 201
    refused = add(ada, "Alien", key)
    assert (refused.status, refused.error["message"]) == (409, FULL)
    assert add(ada, "Ronin", "last").json == last.json
    assert ada.delete(f"/movies/{last.json['id']}").status == 204
    assert add(ada, "Alien", key).status == 201


def test_others_lists_are_not_full(small: Flask, ada: Actor) -> None:
    fill(small, ada, MOST)
    bob = sign_up(InProcess(small), name="Bob")
    assert [add(actor, "Heat").status for actor in (ada, bob)] == [409, 201]


def test_a_list_that_is_longer_already_can_be_read_changed_and_emptied(
    small: Flask, ada: Actor
) -> None:
    fill(small, ada, MOST + 2)
    page = ada.get("/movies").json
    assert page["meta"]["total"] == len(page["items"]) == MOST + 2
    assert ada.get("/movies?search=heat&sort=title").json["meta"]["total"] == MOST + 2
    assert len(ada.get("/movies/export").json["movies"]) == MOST + 2
    for movie in page["items"]:
        assert ada.put(f"/movies/{movie['id']}", {"title": "Ronin"}).status == 200
    assert add(ada, "Alien").status == 409
    for movie in page["items"][:3]:
        assert ada.delete(f"/movies/{movie['id']}").status == 204
    assert add(ada, "Alien").status == 201


@pytest.mark.parametrize("there", [0, 3])
@pytest.mark.parametrize("keyed", [False, True])
def test_of_many_movies_at_once_as_many_as_fit_are_added(
    small: Flask, ada: Actor, there: int, keyed: bool
) -> None:
    fill(small, ada, there)
    answers = at_once(
        *(
            lambda number=number: add(ada, f"Ronin {number}", f"{number}" if keyed else None)
            for number in range(12)
        )
    )
    statuses = Counter(answer.status for answer in answers)
    assert statuses == {201: MOST - there, 409: 12 - MOST + there}
    assert ada.get("/movies").json["meta"]["total"] == MOST


@pytest.mark.parametrize("query", ["?dryRun=true", ""])
def test_an_import_refuses_the_rows_that_do_not_fit(small: Flask, ada: Actor, query: str) -> None:
    fill(small, ada, 2)
    report = bring(ada, "title\nHeat 1\nA\nB\nA\nC\nD\nE\nD\n", query).json
    assert outcomes(report) == [
        *("duplicateInList", "created", "created", "duplicateInFile", "created"),
        *("refused", "refused", "duplicateInFile"),
    ]
    assert {row["reason"] for row in report["rows"] if row["outcome"] == "refused"} == {REFUSED}
    assert report["totals"]["refused"] == 2
    assert ada.get("/movies").json["meta"]["total"] == (2 if query else MOST)


def test_an_import_into_a_list_that_is_too_long_adds_nothing(small: Flask, ada: Actor) -> None:
    fill(small, ada, MOST + 2)
    assert outcomes(bring(ada, "title\nA\nB\n").json) == ["refused", "refused"]


def test_an_operators_import_has_the_same_end(small: Flask, ada: Actor, tmp_path: Path) -> None:
    file = tmp_path / "movies.csv"
    file.write_text("title\n" + "".join(f"Ronin {number}\n" for number in range(7)))
    command = ["movies", "import", str(file), "--email", ada.email]
    result = small.test_cli_runner().invoke(args=command)
    assert result.stderr.count(REFUSED) == 2
    assert result.stdout.startswith("5 movies imported")
    assert len(titles(ada)) == MOST


def test_an_import_counts_what_is_being_added_beside_it(small: Flask, ada: Actor) -> None:
    fill(small, ada, MOST - 1)
    adding: Any = text(
        """INSERT INTO "Movie" (title, "ownerId") SELECT 'Heat', CAST(:id AS uuid)
           WHERE pg_try_advisory_xact_lock_shared(hashtextextended(:id, 0))"""
    )
    with small.app_context(), ThreadPoolExecutor(1) as threads:
        db.session.execute(adding, {"id": ada.user["id"]})
        importing = threads.submit(bring, ada, "title\nRonin\n")
        eventually(lambda: db.session.scalar(WAITING), "the import waits")
        db.session.commit()
        assert outcomes(importing.result().json) == ["refused"]


def test_a_movie_added_beside_an_import_is_counted_with_it(small: Flask, ada: Actor) -> None:
    with importing(small, ada, "A B C D E"):
        assert add(ada, "Ronin").status == 409
    assert add(ada, "Ronin").error["message"] == FULL
