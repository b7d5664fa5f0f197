"""While a list is imported its owner can do all but change it, and others notice nothing."""

import logging
import re
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from sqlalchemy import text

from dev.processes import eventually
from playlist_api.ops import metrics
from playlist_api.transfer import queries
from tests.support.service import PASSWORD, Actor, Answer, InProcess, log_in, new_email, sign_up
from tests.test_import import bring, importing

LEAVING = {"currentPassword": PASSWORD}
ANOTHER = {"currentPassword": PASSWORD, "newPassword": "another horse battery"}


@pytest.fixture
def movie(eve: Actor) -> str:
    return f"/movies/{eve.add_movie('Ronin')['id']}"


@pytest.fixture
def during_import(app: Flask, eve: Actor, movie: str) -> Iterator[None]:
    """Keep an import into Ada's list open, which has a movie."""
    assert movie
    with importing(app, eve):
        yield


def failures() -> float | None:
    return metrics.registry.get_sample_value("database_failures_total")


CHANGES: dict[str, Callable[[Actor, str], Answer]] = {
    "POST": lambda eve, _: eve.post("/movies", {"title": "Alien"}),
    "POST with a key": lambda eve, _: eve.post("/movies", {"title": "A"}, Idempotency_Key="x"),
    "PUT": lambda eve, movie: eve.put(movie, {"title": "Alien"}),
    "DELETE": lambda eve, movie: eve.delete(movie),
    "another import": lambda eve, _: bring(eve, "title\nHeat\n"),
    "leaving": lambda eve, _: eve.delete("/me", LEAVING),
}


@pytest.mark.usefixtures("during_import")
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_a_list_that_is_imported_is_refused_and_no_outage(
    eve: Actor,
    movie: str,
    caplog: pytest.LogCaptureFixture,
    change: str,
) -> None:
    before = failures()
    answer = CHANGES[change](eve, movie)
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
def test_all_else_goes_on(app: Flask, eve: Actor, movie: str) -> None:
    assert log_in(eve).token
    for answer, status in (
        (eve.get("/movies"), 200),
        (eve.get(movie), 200),
        (eve.get("/movies?search=ronin"), 200),
        (eve.get("/movies/export"), 200),
        (eve.get("/me/export"), 200),
        (bring(eve, "title\nHeat\n", "?dryRun=true"), 200),
        (eve.patch("/me", {"name": "Ada King"}), 200),
        (eve.put("/auth/password", ANOTHER), 204),
        (eve.refresh(), 200),
        (eve.post("/auth/logout"), 204),
    ):
        assert answer.status == status, answer.body
    bob = sign_up(InProcess(app), name="Bob", email=new_email())
    assert bob.post("/movies", {"title": "Alien"}).status == 201
    assert bring(bob, "title\nHeat\n").status == 200
    assert bob.delete("/me", LEAVING).status == 204


@pytest.mark.usefixtures("during_import")
def test_a_forgotten_password_can_be_set_anew(
    eve: Actor, capfd: pytest.CaptureFixture[str]
) -> None:
    def mailed() -> str:
        return "".join(re.findall(r"token=([\w-]+)", capfd.readouterr().err))

    assert eve.post("/auth/password/forgot", {"email": eve.email}).status == 202
    token = eventually(mailed, "the link is mailed")
    reset = {"token": token, "newPassword": "a staple of another kind"}
    assert eve.post("/auth/password/reset", reset).status == 204


def test_a_bug_is_not_told_as_a_busy_list(eve: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "list_lock", text("SELECT 1 / 0"))
    assert bring(eve, "title\nHeat\n").status == 500


def test_a_list_can_be_changed_when_its_import_is_done(eve: Actor, movie: str) -> None:
    assert bring(eve, "title\nHeat\n").status == 200
    assert eve.delete(movie).status == 204
    assert eve.add_movie("Alien")
