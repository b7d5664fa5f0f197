"""While a list is imported its owner can do all but change it, and others notice nothing."""

import logging
import re
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from sqlalchemy import text

from playlist_api.ops import metrics
from playlist_api.transfer import queries
from tests.service import PASSWORD, Actor, Answer, InProcess, log_in, new_email, sign_up
from tests.test_import import bring, importing
from tests.waiting import eventually

LEAVING = {"currentPassword": PASSWORD}
ANOTHER = {"currentPassword": PASSWORD, "newPassword": "another horse battery"}


@pytest.fixture
def ada(app: Flask) -> Actor:
    return sign_up(InProcess(app))


@pytest.fixture
def movie(ada: Actor) -> str:
    return f"/movies/{ada.add_movie('Ronin')['id']}"


@pytest.fixture
def during_import(app: Flask, ada: Actor, movie: str) -> Iterator[None]:
    """Keep an import into Ada's list open, which has a movie."""
    assert movie
    with importing(app, ada):
        yield


def failures() -> float | None:
    return metrics.registry.get_sample_value("database_failures_total")


CHANGES: dict[str, Callable[[Actor, str], Answer]] = {
    "POST": lambda ada, _: ada.post("/movies", {"title": "Alien"}),
    "POST with a key": lambda ada, _: ada.post("/movies", {"title": "A"}, Idempotency_Key="x"),
    "PUT": lambda ada, movie: ada.put(movie, {"title": "Alien"}),
    "DELETE": lambda ada, movie: ada.delete(movie),
    "another import": lambda ada, _: bring(ada, "title\nHeat\n"),
    "leaving": lambda ada, _: ada.delete("/me", LEAVING),
}


@pytest.mark.usefixtures("during_import")
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_a_list_that_is_imported_is_refused_and_no_outage(
    ada: Actor,
    movie: str,
    caplog: pytest.LogCaptureFixture,
    change: str,
) -> None:
    before = failures()
    answer = CHANGES[change](ada, movie)
    assert (answer.status, answer.error["code"]) == (409, "CONFLICT")
    message = "This list is being imported. Please try again when that is done."
    assert answer.error["message"] == message
    assert int(answer.headers["Retry-After"]) > 0
    assert [line for line in caplog.records if line.levelno >= logging.WARNING] == []
    assert failures() == before


@pytest.mark.usefixtures("during_import")
def test_an_admin_s_change_is_refused_too(app: Flask, movie: str) -> None:
    admin = sign_up(InProcess(app), name="Root")
    app.test_cli_runner().invoke(args=["users", "promote", admin.email])
    assert admin.delete(movie).status == 409


@pytest.mark.usefixtures("during_import")
def test_all_else_goes_on(app: Flask, ada: Actor, movie: str) -> None:
    assert log_in(ada).token
    for answer, status in (
        (ada.get("/movies"), 200),
        (ada.get(movie), 200),
        (ada.get("/movies?search=ronin"), 200),
        (ada.get("/movies/export"), 200),
        (ada.get("/me/export"), 200),
        (bring(ada, "title\nHeat\n", "?dryRun=true"), 200),
        (ada.patch("/me", {"name": "Ada King"}), 200),
        (ada.put("/auth/password", ANOTHER), 204),
        (ada.refresh(), 200),
        (ada.post("/auth/logout"), 204),
    ):
        assert answer.status == status, answer.body
    bob = sign_up(InProcess(app), name="Bob", email=new_email())
    assert bob.post("/movies", {"title": "Alien"}).status == 201
    assert bring(bob, "title\nHeat\n").status == 200
    assert bob.delete("/me", LEAVING).status == 204


@pytest.mark.usefixtures("during_import")
def test_a_forgotten_password_can_be_set_anew(
    ada: Actor, capfd: pytest.CaptureFixture[str]
) -> None:
    def mailed() -> str:
        return "".join(re.findall(r"token=([\w-]+)", capfd.readouterr().err))

    assert ada.post("/auth/password/forgot", {"email": ada.email}).status == 202
    token = eventually(mailed, "the link is mailed")
    reset = {"token": token, "newPassword": "a staple of another kind"}
    assert ada.post("/auth/password/reset", reset).status == 204


def test_a_bug_is_not_told_as_a_busy_list(ada: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "list_lock", text("SELECT 1 / 0"))
    assert bring(ada, "title\nHeat\n").status == 500


def test_a_list_can_be_changed_when_its_import_is_done(ada: Actor, movie: str) -> None:
    assert bring(ada, "title\nHeat\n").status == 200
    assert ada.delete(movie).status == 204
    assert ada.add_movie("Alien")
