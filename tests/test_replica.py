"""Reads from a replica: nobody notices, whatever becomes of it."""

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from flask_migrate import upgrade
from sqlalchemy import make_url, text

from dev.cluster import NAME
from playlist_api import breaker
from playlist_api.app import create_app
from playlist_api.config.settings import SettingsError, load_settings
from playlist_api.database import db
from playlist_api.statements import Query, Search
from tests.replication import Postgres, Replica, replicated
from tests.service import SECRET_KEY, Actor, Answer, InProcess, environment, log_in, sign_up
from tests.waiting import eventually

READ = """SELECT count(*) FROM pg_stat_activity
          WHERE application_name = 'playlist_api' AND query LIKE 'EXECUTE page_%'"""


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Postgres, Replica]]:
    with replicated() as (primary, replica):
        with create_app(environment(primary.url)).app_context():
            upgrade()
        yield primary, replica


@pytest.fixture
def primary(pair: tuple[Postgres, Replica]) -> Postgres:
    return pair[0]


@pytest.fixture
def replica(pair: tuple[Postgres, Replica]) -> Replica:
    """The replica, which shows all that the primary has."""
    primary, replica = pair
    replica.follow(primary)
    return replica


class Asked:
    """An instance of the service, and what it asked of the replica."""

    def __init__(self, primary: Postgres, replica: Replica) -> None:
        self.app = create_app(environment(primary.url, DATABASE_REPLICA_URL=replica.url))
        self.service = InProcess(self.app)
        self.answers: list[bool] = []
        found = self.app.extensions["replica"]
        ask = found.ask

        def noted(*query: Any, **parameters: Any) -> Any:
            rows = ask(*query, **parameters)
            self.answers.append(bool(rows))
            return rows

        found.ask = noted

    def as_seen(self, actor: Actor) -> Actor:
        """The same person, with the same token, who calls this instance."""
        return Actor(self.service, actor.email, actor.password, actor.token, actor.cookie)


@pytest.fixture
def one(pair: tuple[Postgres, Replica]) -> Asked:
    return Asked(*pair)


@pytest.fixture
def other(pair: tuple[Postgres, Replica]) -> Asked:
    return Asked(*pair)


@pytest.fixture
def ada(one: Asked, primary: Postgres, replica: Replica) -> Actor:
    """Somebody with three movies, which the replica has too."""
    ada = sign_up(one.service)
    for title in ("Heat", "Ronin", "Alien"):
        ada.add_movie(title)
    replica.follow(primary)
    return ada


def titles(actor: Actor, path: str = "/movies") -> list[str]:
    answer = actor.get(path)
    assert answer.status == 200, answer.body
    return [movie["title"] for movie in answer.json["items"]]


def test_pages_come_from_the_replica(one: Asked, ada: Actor, replica: Replica) -> None:
    first = ada.get("/movies?limit=2")
    assert [movie["title"] for movie in first.json["items"]] == ["Alien", "Ronin"]
    assert first.json["meta"] == {"page": 1, "limit": 2, "total": 3, "totalPages": 2}
    (following,) = first.headers["Link"].split(">")[0][1:].split()
    assert titles(ada, following) == ["Heat"]
    assert titles(ada, "/movies?page=9") == []
    assert one.answers == [True] * 3
    assert replica.ask(READ) == (1,)


def test_sorted_and_searched_pages_come_from_the_replica_too(one: Asked, ada: Actor) -> None:
    first = ada.get("/movies?sort=title&limit=2")
    assert [movie["title"] for movie in first.json["items"]] == ["Alien", "Heat"]
    assert titles(ada, f"/movies?cursor={first.json['meta']['next']}") == ["Ronin"]
    assert titles(ada, "/movies?search=RON") == ["Ronin"]
    assert titles(ada, "/movies?search=nothing") == []
    assert one.answers == [True] * 4


@pytest.mark.usefixtures("paused")
@pytest.mark.parametrize("path", ["/movies?sort=-title", "/movies?search=d"])
def test_people_find_what_they_have_just_added(other: Asked, ada: Actor, path: str) -> None:
    ada.post("/movies", {"title": "Zulu Dawn"})
    assert titles(other.as_seen(ada), path)[0] == "Zulu Dawn"
    assert other.answers == [False]


def test_an_empty_list_needs_no_replica(one: Asked) -> None:
    ada = sign_up(one.service)
    assert titles(ada) == titles(ada, "/movies?sort=title") == titles(ada, "/movies?search=x") == []
    assert ada.get("/movies").json["meta"]["total"] == 0
    assert one.answers == []


@pytest.fixture
def paused(replica: Replica, ada: Actor) -> Iterator[Replica]:
    """The replica, which shows nothing newer than what the actor has."""
    assert titles(ada)
    replica.pause()
    yield replica
    replica.resume()


Deed = Callable[[Actor, int], Answer]

DEEDS: dict[str, tuple[Deed, list[str]]] = {
    "add": (
        lambda ada, _: ada.post("/movies", {"title": "Dune"}),
        ["Dune", "Alien", "Ronin", "Heat"],
    ),
    "change": (
        lambda ada, alien: ada.patch(f"/movies/{alien}", {"title": "Aliens"}),
        ["Aliens", "Ronin", "Heat"],
    ),
    "delete": (lambda ada, alien: ada.delete(f"/movies/{alien}"), ["Ronin", "Heat"]),
}


@pytest.mark.usefixtures("paused")
@pytest.mark.parametrize("deed", DEEDS)
def test_people_read_their_own_writes_on_any_instance(other: Asked, ada: Actor, deed: str) -> None:
    elsewhere = other.as_seen(ada)
    alien = elsewhere.get("/movies").json["items"][0]["id"]
    do, expected = DEEDS[deed]
    assert do(ada, alien).status < 300
    assert titles(elsewhere) == titles(ada) == expected
    assert other.answers == [True, False]


@pytest.mark.usefixtures("paused")
def test_changes_by_hand_are_read_too(primary: Postgres, other: Asked, ada: Actor) -> None:
    primary.run("""UPDATE "Movie" SET title = 'Aliens' WHERE title = 'Alien'""")
    assert titles(other.as_seen(ada)) == ["Aliens", "Ronin", "Heat"]
    assert other.answers == [False]


def test_a_list_that_was_changed_comes_from_the_replica_again(
    primary: Postgres, replica: Replica, other: Asked, ada: Actor
) -> None:
    ada.add_movie("Dune")
    replica.follow(primary)
    assert titles(other.as_seen(ada)) == ["Dune", "Alien", "Ronin", "Heat"]
    assert other.answers == [True]


@pytest.mark.usefixtures("paused")
def test_who_wrote_nothing_is_served_by_a_replica_that_lags(
    other: Asked, ada: Actor, one: Asked
) -> None:
    sign_up(one.service).add_movie()
    assert titles(other.as_seen(ada)) == ["Alien", "Ronin", "Heat"]
    assert other.answers == [True]


@pytest.mark.usefixtures("paused")
def test_an_ended_session_is_let_in_by_no_replica(other: Asked, ada: Actor) -> None:
    assert titles(other.as_seen(ada)) == ["Alien", "Ronin", "Heat"]
    assert ada.post("/auth/logout").status == 204
    assert other.as_seen(ada).get("/movies").status == 401
    assert other.answers == [True]


@pytest.mark.usefixtures("paused")
def test_a_new_session_is_let_in_before_the_replica_knows_it(other: Asked, ada: Actor) -> None:
    phone = log_in(other.as_seen(ada))
    assert titles(phone) == ["Alien", "Ronin", "Heat"]
    assert other.answers == [True]


@pytest.fixture
def endless(primary: Postgres, replica: Replica, one: Asked, ada: Actor) -> Iterator[Actor]:
    """Somebody in whose service titles are never done with."""
    with one.app.app_context(), db.engine.connect() as connection:
        usual = connection.scalar(
            text("SELECT pg_get_functiondef('sort_title(text)'::regprocedure)")
        )
    primary.run("""CREATE OR REPLACE FUNCTION sort_title(title text) RETURNS text
                   LANGUAGE plpgsql IMMUTABLE AS
                   $$ BEGIN LOOP PERFORM sqrt(2); END LOOP; RETURN title; END $$""")
    replica.follow(primary)
    yield ada
    primary.run(usual)


def test_a_search_that_takes_too_long_is_not_tried_twice_nor_is_the_replica_away(
    one: Asked, endless: Actor, caplog: pytest.LogCaptureFixture
) -> None:
    answer = endless.get("/movies?search=heat")
    assert (answer.status, answer.error["message"][:19]) == (503, "This took too long.")
    assert titles(endless) == ["Alien", "Ronin", "Heat"]
    assert one.answers == [True]
    assert "is away" not in caplog.text


@pytest.fixture
def frozen(replica: Replica, one: Asked, ada: Actor) -> Iterator[Replica]:
    """The replica, which has answered before and does so no more."""
    assert titles(ada)
    assert one.answers.pop()
    replica.freeze()
    yield replica
    replica.thaw()


@pytest.mark.usefixtures("frozen")
def test_a_frozen_replica_is_waited_for_once(
    one: Asked, endless: Actor, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(5):
        assert titles(ada) == ["Alien", "Ronin", "Heat"]
    assert one.answers == [False]
    (told,) = [line.getMessage() for line in caplog.records if line.levelno == logging.WARNING]
    assert told.startswith("The replica is away, and the primary is read: OperationalError: ")
    assert told.endswith("no answer from the server in 0.5 s")


def test_a_search_that_takes_longer_than_a_page_is_waited_for(
    one: Asked,
) -> None:
    found = one.app.extensions["replica"]
    slow = Search("slow", text("SELECT :user_id ::text FROM pg_sleep(0.7)"))
    assert found.ask(slow, user_id="x") == [("x",)]
    assert found.ask(Query("quick", text("SELECT 1 FROM pg_sleep(0.7)"))) == []


def test_a_replica_that_dies_with_a_request_loses_none(frozen: Replica, ada: Actor) -> None:
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(titles, ada) for _ in range(8)]
        frozen.kill()
        assert [each.result() for each in asked] == [["Alien", "Ronin", "Heat"]] * 8
    frozen.start()


def test_a_replica_that_comes_back_is_read_again(
    one: Asked,
    ada: Actor,
    replica: Replica,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(breaker, "PAUSE", 0)
    caplog.set_level(logging.INFO, logger="playlist_api.replica")
    assert titles(ada)
    replica.kill()
    assert titles(ada) == titles(ada) == ["Alien", "Ronin", "Heat"]
    assert one.answers == [True, False, False]
    replica.start()
    eventually(lambda: titles(ada) and one.answers[-1], "it is read again")
    told = [line.getMessage() for line in caplog.records if line.name == "playlist_api.replica"]
    assert ["is away" in line for line in told] == [True, False]


def test_one_request_at_a_time_asks_whether_it_is_back(
    one: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    replica = one.app.extensions["replica"]
    replica._breaker.fail("OSError")
    assert not replica.is_due()
    due = replica._breaker._next_probe
    monkeypatch.setattr(breaker, "monotonic", lambda: due)
    assert [replica.is_due(), replica.is_due()] == [True, False]


def test_of_two_servers_the_one_that_takes_writes_is_found(
    primary: Postgres, replica: Replica
) -> None:
    sockets = "".join(f"host={make_url(each.url).query['host']}&" for each in (replica, primary))
    url = f"postgresql://{NAME}@/{NAME}?{sockets}target_session_attrs=read-write"
    ada = sign_up(InProcess(create_app(environment(url))))
    ada.add_movie()
    ada.hold(ada.refresh())


def test_a_service_without_a_replica_reads_the_primary(primary: Postgres) -> None:
    ada = sign_up(InProcess(create_app(environment(primary.url))))
    ada.add_movie()
    assert titles(ada) == ["Heat"]


def test_the_way_to_the_replica_is_not_left_to_chance(tmp_path: Path) -> None:
    given = {"SECRET_KEY": SECRET_KEY, "DATABASE_URL": "postgresql:///playlist"}
    with pytest.raises(SettingsError, match=r"^Playlist API cannot start:\n  DATABASE_REPLICA_URL"):
        load_settings({**given, "DATABASE_REPLICA_URL": "postgresql://db/playlist"}, tmp_path)
    url = "postgresql://db/playlist?sslmode=verify-full&target_session_attrs=any"
    settings = load_settings({**given, "DATABASE_REPLICA_URL": url}, tmp_path)
    assert settings.database_replica_url.endswith(url.partition(":")[2])
