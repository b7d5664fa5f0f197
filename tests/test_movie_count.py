"""The total of a list, which is counted as movies come and go, and not for each page."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import text

from playlist_api.app import create_app
from playlist_api.db.engine import db
from tests.conftest import Databases
from tests.support.service import Actor, InProcess, environment, sign_up, sql

ADD = """INSERT INTO "Movie" (title, "ownerId") SELECT 'Heat', owner
         FROM unnest(:owners ::uuid[]) owner, generate_series(1, :times)"""


def total(actor: Actor) -> int:
    """The total that a page tells; it must be how many movies there are."""
    page = actor.get("/movies?limit=100").json
    found: int = page["meta"]["total"]
    assert found == len(page["items"])
    return found


@pytest.fixture
def run(app: Flask) -> Callable[..., object]:
    """Change the tables behind the service's back."""

    return partial(sql, app)


def test_a_list_is_counted_through_all_that_happens_to_it(
    ada: Actor, bob: Actor, run: Callable[..., object]
) -> None:
    assert total(ada) == 0
    path = f"/movies/{ada.add_movie()['id']}"
    ada.post("/movies", {"title": "Ronin"}, Idempotency_Key="x")
    ada.post("/movies", {"title": "Ronin"}, Idempotency_Key="x")
    assert total(ada) == 2
    ada.put(path, {"title": "Heat 2"})
    ada.delete(path)
    ada.delete(path)
    assert total(ada) == 1
    run(ADD, owners=[ada.user["id"], bob.user["id"]], times=20)
    assert (total(ada), total(bob)) == (21, 20)
    moving = 'UPDATE "Movie" SET "ownerId" = :bob WHERE "ownerId" = :ada'
    run(moving, ada=ada.user["id"], bob=bob.user["id"])
    assert (total(ada), total(bob)) == (0, 41)
    run("""DELETE FROM "Movie" WHERE "ownerId" = :bob AND title = 'Heat'""", bob=bob.user["id"])
    assert (total(ada), total(bob)) == (0, 1)
    run('DELETE FROM "User" WHERE id = :bob', bob=bob.user["id"])
    assert total(ada) == 0


def test_a_list_is_counted_when_many_change_it_at_once(ada: Actor) -> None:
    movies = [ada.add_movie()["id"] for _ in range(10)]

    def change(number: int) -> None:
        ada.add_movie()
        ada.delete(f"/movies/{movies[number % 10]}")

    with ThreadPoolExecutor(10) as threads:
        list(threads.map(change, range(20)))
    assert total(ada) == 20


def test_a_list_that_was_miscounted_still_ends(ada: Actor, run: Callable[..., object]) -> None:
    ada.add_movie()
    run('UPDATE "MovieCount" SET movies = 9 WHERE "ownerId" = :ada', ada=ada.user["id"])
    answer = ada.get("/movies?page=2&limit=1")
    assert answer.json["items"] == []
    assert "Link" not in answer.headers


def test_what_was_undone_is_not_counted(ada: Actor, app: Flask) -> None:
    with app.app_context():
        db.session.execute(text(ADD), {"owners": [ada.user["id"]], "times": 5})
        db.session.rollback()
    assert total(ada) == 0


def test_movies_of_before_are_counted_too(databases: Databases) -> None:
    app = create_app(environment(databases.make_with_tables()))
    ada, bob = sign_up(InProcess(app)), sign_up(InProcess(app))
    with app.app_context():
        downgrade(revision="0003")
        sql(app, ADD, owners=[ada.user["id"]], times=7)
        upgrade()
    assert (total(ada), total(bob)) == (7, 0)
    sql(app, 'TRUNCATE "Movie"')
    assert total(ada) == 0
    ada.add_movie()
    assert total(ada) == 1
