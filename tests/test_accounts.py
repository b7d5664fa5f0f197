"""Accounts: signing up, logging in, changes, taking one's data, and leaving."""

import json
from functools import partial
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy.exc import IntegrityError

from playlist_api.app import create_app
from playlist_api.auth import accounts
from playlist_api.db.engine import db
from playlist_api.db.models import User
from tests.support.service import (
    PASSWORD,
    Actor,
    InProcess,
    Service,
    call,
    environment,
    log_in,
    new_email,
    sign_up,
    sql,
)
from tests.test_password_resets import CHANGES, in_turn

NEW_PASSWORD = "another horse battery"
USER = {"id", "name", "email", "role", "createdAt", "updatedAt"}


def test_sign_up_answers_with_the_user_and_both_tokens(service: Service) -> None:
    account = {"name": "  Ada\u3000", "email": f"  {new_email().upper()} ", "password": PASSWORD}
    answer = call(service, "POST", "/auth/signup", account)
    user = answer.json["user"]
    assert answer.status == 201
    assert set(answer.json) == {"user", "accessToken"}
    assert set(user) == USER
    assert UUID(user["id"])
    assert (user["name"], user["role"]) == ("Ada", "user")
    assert user["email"] == account["email"].strip().lower()
    assert user["createdAt"] == user["updatedAt"]
    assert user["createdAt"].endswith("Z")
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/auth/signup", "/auth/login", "/auth/refresh"])
def test_the_refresh_cookie_is_out_of_reach_of_scripts_and_foreign_pages(
    ada: Actor, path: str
) -> None:
    body = {"name": "Ada", "email": ada.email, "password": PASSWORD}
    if path == "/auth/signup":
        body["email"] = new_email()
    cookie = call(ada.service, "POST", path, body, cookie=ada.cookie).cookie
    assert cookie["httponly"]
    assert not cookie["secure"]
    assert (cookie["samesite"], cookie["path"]) == ("Strict", "/auth")
    assert cookie["max-age"] == str(7 * 24 * 60 * 60)


def test_nobody_sets_their_own_id_or_role(service: Service) -> None:
    ada = sign_up(service, id="1", role="admin", createdAt="2000-01-01T00:00:00Z")
    assert ada.user["role"] == "user"
    assert UUID(ada.user["id"])
    assert not ada.user["createdAt"].startswith("2000")


@pytest.mark.parametrize(
    "password", ["x" * 8, "x" * 128, "  spaces  ", "pässwörd", "密码密码密码密码", "🎬" * 128]
)
def test_a_password_is_kept_as_it_is_typed(service: Service, password: str) -> None:
    ada = sign_up(service, password=password)
    credentials = {"email": ada.email, "password": password}
    assert call(service, "POST", "/auth/login", credentials).status == 200
    for wrong in (password[:-1], password + " ", password.strip() + "!"):
        answer = call(service, "POST", "/auth/login", {**credentials, "password": wrong})
        assert answer.status == 401


def test_log_in_starts_another_session(ada: Actor) -> None:
    elsewhere = log_in(ada)
    assert elsewhere.user == ada.user
    assert elsewhere.cookie != ada.cookie
    assert elsewhere.get("/me").status == ada.get("/me").status == 200


@pytest.mark.parametrize(
    "password", ["wrong", PASSWORD.upper(), PASSWORD + "!", "x" * 129, "x" * 5000]
)
def test_a_wrong_password_and_an_unknown_email_are_told_in_the_same_words(
    ada: Actor, password: str
) -> None:
    answers = [
        call(ada.service, "POST", "/auth/login", {"email": email, "password": password})
        for email in (ada.email, new_email())
    ]
    assert [answer.status for answer in answers] == [401, 401]
    assert answers[0].error == answers[1].error
    assert answers[0].error["code"] == "UNAUTHORIZED"
    assert answers[0].headers["WWW-Authenticate"] == "Bearer"


def test_no_answer_holds_the_password(ada: Actor) -> None:
    answers = [
        ada.get("/me"),
        ada.refresh(),
        call(ada.service, "POST", "/auth/login", {"email": ada.email, "password": PASSWORD}),
        call(ada.service, "POST", "/auth/signup", {"name": "", "password": PASSWORD}),
    ]
    for answer in answers:
        assert PASSWORD.encode() not in answer.body
        assert b"argon2" not in answer.body


def can_log_in(actor: Actor, password: str) -> bool:
    credentials = {"email": actor.email, "password": password}
    return call(actor.service, "POST", "/auth/login", credentials).status == 200


def test_the_name_can_be_changed(ada: Actor) -> None:
    answer = ada.patch("/me", {"name": "  Ada Lovelace "})
    assert answer.status == 200
    changed = {"name": "Ada Lovelace", "updatedAt": answer.json["updatedAt"]}
    assert answer.json == {**ada.user, **changed}
    assert answer.json["updatedAt"] > ada.user["updatedAt"]
    assert ada.get("/me").json == answer.json


def test_the_email_can_be_changed_with_the_password(ada: Actor) -> None:
    email = new_email()
    body = {"email": f" {email.upper()}", "currentPassword": PASSWORD}
    answer = ada.patch("/me", body)
    assert (answer.status, answer.json["email"]) == (200, email)
    assert not can_log_in(ada, PASSWORD)
    ada.email = email
    assert can_log_in(ada, PASSWORD)


@pytest.mark.parametrize("password", [{}, {"currentPassword": "wrong"}])
def test_the_email_stays_without_the_right_password(ada: Actor, password: dict[str, str]) -> None:
    answer = ada.patch("/me", {"name": "Eve", "email": new_email(), **password})
    assert answer.fields == {"currentPassword"}
    assert ada.get("/me").json == ada.user


def test_a_fetched_user_can_be_put_back_whole(ada: Actor) -> None:
    assert ada.patch("/me", {**ada.user, "role": "admin", "id": "x"}).json == ada.user
    assert ada.patch("/me", {}).json == ada.user


def test_a_rule_that_only_the_database_knows_is_no_conflict(app: Flask, ada: Actor) -> None:
    with app.app_context():
        user = db.session.get_one(User, ada.user["id"])
        with pytest.raises(IntegrityError):
            accounts.change_profile(user, {"name": ""}, lambda _: None)


def test_a_new_password_ends_every_other_session(ada: Actor) -> None:
    elsewhere = log_in(ada)
    passwords = {"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD}
    answer = ada.put("/auth/password", passwords)
    assert (answer.status, answer.body) == (204, b"")
    assert elsewhere.get("/me").status == elsewhere.refresh().status == 401
    assert ada.get("/me").status == ada.refresh().status == 200
    assert not can_log_in(ada, PASSWORD)
    assert can_log_in(ada, NEW_PASSWORD)


def test_the_password_stays_without_the_right_one(ada: Actor) -> None:
    passwords = {"currentPassword": "wrong", "newPassword": NEW_PASSWORD}
    assert ada.put("/auth/password", passwords).fields == {"currentPassword"}
    assert can_log_in(ada, PASSWORD)


@pytest.mark.parametrize("change", CHANGES)
def test_a_password_that_is_replaced_meanwhile_confirms_nothing(eve: Actor, change: str) -> None:
    changes = (partial(CHANGES[name], eve) for name in ("password", change))
    replaced, refused = in_turn(eve, *changes)
    assert replaced.status == 204
    assert refused.fields == {"currentPassword"}


@pytest.mark.parametrize("password", ["password123", "i am ada lovelace"])
def test_a_weak_password_is_refused_where_that_is_switched_on(
    database_url: str, password: str
) -> None:
    service = InProcess(create_app(environment(database_url, PASSWORD_BLOCKLIST="true")))
    ada = sign_up(service, name="Ada Lovelace")
    passwords = {"currentPassword": PASSWORD, "newPassword": password}
    assert ada.put("/auth/password", passwords).fields == {"newPassword"}


def test_everything_that_is_held_on_somebody_can_be_taken_along(ada: Actor, bob: Actor) -> None:
    bob.add_movie("Bob's")
    movies = [ada.add_movie(f"Movie {number}") for number in range(3)]
    log_in(ada)
    movies.append(ada.post("/movies", {"title": "Heat"}, Idempotency_Key="secret").json)
    answer = ada.get("/me/export")
    exported = json.loads(answer.body)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="playlist-export.json"'
    assert exported["user"] == ada.user
    assert exported["movies"] == movies
    assert exported["sessions"] == ada.get("/auth/sessions").json["items"]
    assert exported["passwordResets"] == []
    assert [key["movieId"] for key in exported["idempotencyKeys"]] == [movies[-1]["id"]]
    assert exported.keys() == {
        *("exportedAt", "user", "sessions", "passwordResets", "idempotencyKeys"),
        *("pictures", "movies"),
    }
    assert b"argon2" not in answer.body
    assert b"secret" not in answer.body


def test_an_export_of_many_rows_is_whole(app: Flask, ada: Actor, bob: Actor) -> None:
    many = (
        """INSERT INTO "Movie" (title, "ownerId")
           SELECT 'Movie "' || n || E'"\\n', :user FROM generate_series(1, 2500) n""",
        """INSERT INTO "IdempotencyKey" (key, "userId", fields, "movieId", "createdAt", "expiresAt")
           SELECT :user || n, :user, '', n, now(), now() FROM generate_series(1, 2500) n""",
        """INSERT INTO "Picture" ("ownerId", name, bytes)
           SELECT :user, repeat(md5(n::text), 2) || '.png', n FROM generate_series(1, 2500) n""",
    )
    for user in (ada, bob):
        for rows in many:
            sql(app, rows, user=user.user["id"])
    exported = json.loads(ada.get("/me/export").body)
    assert len({movie["id"] for movie in exported["movies"]}) == len(exported["movies"]) == 2500
    assert [key["movieId"] for key in exported["idempotencyKeys"]] == [*range(1, 2501)]
    assert sorted(picture["bytes"] for picture in exported["pictures"]) == [*range(1, 2501)]
    for user in (ada, bob):
        user.delete("/me", {"currentPassword": PASSWORD})


def test_leaving_takes_everything_along(app: Flask, ada: Actor) -> None:
    elsewhere, movie = log_in(ada), ada.add_movie()
    answer = ada.delete("/me", {"currentPassword": PASSWORD})
    assert (answer.status, answer.cookie.value) == (204, "")
    for device in (ada, elsewhere):
        assert device.get("/me").status == device.refresh().status == 401
    assert not can_log_in(ada, PASSWORD)
    assert sql(app, 'SELECT FROM "Movie" WHERE id = :id', id=movie["id"]) == []


def test_whoever_left_can_sign_up_again(ada: Actor) -> None:
    ada.delete("/me", {"currentPassword": PASSWORD})
    again = sign_up(ada.service, email=ada.email)
    assert again.user["id"] != ada.user["id"]


def test_nobody_leaves_with_a_wrong_password(ada: Actor) -> None:
    assert ada.delete("/me", {"currentPassword": "wrong"}).fields == {"currentPassword"}
    assert ada.get("/me").status == 200
