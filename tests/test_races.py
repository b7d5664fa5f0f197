"""What happens when it happens twice at once, with two workers."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import text

from dev.processes import eventually
from playlist_api.auth import accounts
from playlist_api.auth.passwords import hash_password
from playlist_api.db.engine import db
from playlist_api.db.models import User
from playlist_api.db.statements import Query
from playlist_api.errors import Unauthorized
from tests.support.service import (
    PASSWORD,
    Actor,
    Answer,
    Gunicorn,
    Service,
    call,
    new_email,
    sign_up,
)

ROUNDS = 3


def at_once(*requests: Callable[[], Answer]) -> list[Answer]:
    """Send all requests at the same moment and return their answers in order."""
    barrier = Barrier(len(requests))

    def send(request: Callable[[], Answer]) -> Answer:
        barrier.wait()
        return request()

    with ThreadPoolExecutor(len(requests)) as threads:
        return list(threads.map(send, requests))


@pytest.fixture(scope="session")
def service(served: Gunicorn) -> Service:
    """Races need several workers."""
    return served


def test_of_twenty_sign_ups_with_one_email_one_succeeds(service: Service) -> None:
    for _ in range(ROUNDS):
        email = new_email()
        spellings = [email.upper(), email.title(), email, f" {email}"] * 5

        def signing_up(spelling: str) -> Callable[[], Answer]:
            account = {"name": "Ada", "email": spelling, "password": PASSWORD}
            return lambda: call(service, "POST", "/auth/signup", account)

        statuses = Counter(answer.status for answer in at_once(*map(signing_up, spellings)))
        assert statuses[201] == 1
        assert set(statuses) <= {201, 409, 429}  # which is said where too many hashes wait


def test_twenty_refreshes_with_one_cookie_all_go_on(ada: Actor) -> None:
    for _ in range(ROUNDS):
        answers = at_once(*[ada.refresh] * 20)
        assert Counter(answer.status for answer in answers) == {200: 20}
        assert len({answer.cookie.value for answer in answers}) == 1
        for answer in answers:
            assert ada.get("/me", token=answer.json["accessToken"]).status == 200
        ada.hold(answers[0])
    assert ada.refresh().status == 200


def test_an_old_token_two_rotations_back_ends_the_session_for_all(ada: Actor) -> None:
    oldest = ada.cookie
    for _ in range(2):
        ada.hold(at_once(*[ada.refresh] * 4)[-1])
    answers = at_once(*[lambda: ada.refresh(oldest)] * 4)
    assert Counter(answer.status for answer in answers) == {401: 4}
    assert ada.get("/me").status == 401
    assert ada.refresh().status == 401


def test_a_logout_is_final_whatever_refreshes_beside_it(service: Service) -> None:
    for _ in range(ROUNDS):
        ada = sign_up(service)
        logout = partial(ada.post, "/auth/logout", token=None, cookie=ada.cookie)
        *refreshed, logged_out = at_once(*[ada.refresh] * 8, logout)
        assert logged_out.status == 204
        assert {answer.status for answer in refreshed} <= {200, 401}
        assert ada.get("/me").status == 401
        for answer in refreshed:
            if answer.status == 200:
                assert ada.hold(answer).get("/me").status == 401
                assert ada.refresh().status == 401


def test_a_movie_deleted_beside_changes_is_gone(ada: Actor) -> None:
    for _ in range(ROUNDS):
        path = f"/movies/{ada.add_movie()['id']}"

        def change(method: str, path: str = path) -> Callable[[], Answer]:
            body: Any = {"title": "Ronin"} if method == "PUT" else None
            return lambda: ada.call(method, path, body)

        answers = at_once(*[change("PUT")] * 6, *[change("DELETE")] * 4, *[change("GET")] * 4)
        statuses = [answer.status for answer in answers]
        assert set(statuses[:6]) | set(statuses[10:]) <= {200, 404}
        assert Counter(statuses[6:10]) == {204: 1, 404: 3}
        assert ada.get(path).status == 404


def test_changes_of_different_fields_at_once_are_all_kept(ada: Actor) -> None:
    path = f"/movies/{ada.add_movie()['id']}"
    changes = {"title": "Ronin", "year": "1998", "imageUrl": "https://example.com/x.png"}
    answers = at_once(
        *(lambda field=field: ada.patch(path, {field: changes[field]}) for field in changes)
    )
    assert [answer.status for answer in answers] == [200, 200, 200]
    movie = ada.get(path).json
    assert {field: movie[field] for field in changes} == changes


def test_who_is_deleted_meanwhile_has_no_session(app: Flask) -> None:
    with app.test_request_context():
        nobody = User(id=uuid4(), name="Nobody", email=new_email(), role="user")
        with pytest.raises(Unauthorized):
            accounts.change_profile(nobody, {"name": "Ada"}, lambda _: None)
        nobody.password_hash = hash_password(PASSWORD)
        with pytest.raises(Unauthorized):
            accounts.delete_account(nobody, PASSWORD, lambda _: None)


def test_an_account_deleted_by_many_at_once_is_deleted_once(service: Service) -> None:
    ada = sign_up(service)
    leaving = partial(ada.delete, "/me", {"currentPassword": PASSWORD})
    moving = partial(ada.patch, "/me", {"email": new_email(), "currentPassword": PASSWORD})
    answers = at_once(*[leaving] * 8, *[moving] * 4)
    statuses = Counter(answer.status for answer in answers[:8])
    assert statuses[204] == 1
    assert {answer.status for answer in answers} <= {200, 204, 401, 429}


def test_an_old_email_that_comes_late_does_not_undo_its_change(app: Flask, ada: Actor) -> None:
    with app.app_context():
        user = db.session.get_one(User, ada.user["id"])
        moved = {"email": new_email(), "currentPassword": PASSWORD}
        assert ada.patch("/me", moved).status == 200
        late = {"email": ada.email, "name": "Ada King"}
        changed = accounts.change_profile(user, late, lambda _: None)
        assert (changed.email, changed.name) == (moved["email"], "Ada King")


def test_a_movie_added_while_its_owner_is_deleted_finds_no_session(app: Flask, eve: Actor) -> None:
    with app.app_context(), ThreadPoolExecutor(1) as threads:
        db.session.execute(text('DELETE FROM "User" WHERE id = :id'), {"id": eve.user["id"]})
        adding = threads.submit(eve.post, "/movies", {"title": "Heat"})
        waiting = Query(
            "waiting",
            text("""SELECT 1 FROM pg_stat_activity
                    WHERE wait_event_type = 'Lock' AND datname = current_database()"""),
        )
        eventually(waiting, "the call waits")
        db.session.commit()
        assert adding.result().status == 401
