"""The service behind PgBouncer in transaction mode: each transaction may have another process."""

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from flask_migrate import upgrade

from dev.postgres import running
from playlist_api.app import create_app
from tests.pgbouncer import pgbouncer
from tests.service import InProcess, environment, log_in, sign_up
from tests.test_isolation import MATRIX, ask

PEOPLE = 8


@pytest.fixture(scope="module")
def pool() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="playlist-") as name:
        home = Path(name) / "postgres"
        Path(name).chmod(0o755)
        with running(home, throwaway=True) as url:
            with create_app(environment(url)).app_context():
                upgrade()
            with pgbouncer(home, url) as pool:
                yield pool


@pytest.fixture
def one(pool: str) -> InProcess:
    return InProcess(create_app(environment(pool, RATELIMIT_ENABLED="true")))


@pytest.fixture
def other(pool: str) -> InProcess:
    return InProcess(create_app(environment(pool)))


def test_every_call_works(one: InProcess, other: InProcess) -> None:
    for service in (one, other):
        ada = sign_up(service)
        for route in sorted(MATRIX, key=lambda route: route == "DELETE /me"):
            if MATRIX[route][0] < 300:
                actor = log_in(ada)
                assert ask(route, actor, actor).status == MATRIX[route][0], route


def test_instances_that_share_two_processes_do_not_disturb_each_other(
    one: InProcess, other: InProcess
) -> None:
    def use(number: int) -> list[str]:
        ada = sign_up((one, other)[number % 2])
        for title in ("Heat", "Ronin", "Alien"):
            movie = ada.add_movie(title, year="1995")
            assert ada.get(f"/movies/{movie['id']}").json["title"] == title
            assert ada.patch(f"/movies/{movie['id']}", {"title": f"{title} 2"}).status == 200
            assert ada.get("/movies?limit=1").json["items"][0]["title"] == f"{title} 2"
        assert ada.delete(f"/movies/{movie['id']}").status == 204
        return [movie["title"] for movie in ada.get("/movies").json["items"]]

    with ThreadPoolExecutor(PEOPLE) as people:
        assert list(people.map(use, range(PEOPLE))) == [["Ronin 2", "Heat 2"]] * PEOPLE
