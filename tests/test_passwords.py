"""How passwords are kept, and which are too common."""

from typing import Any

import argon2
import pytest
from flask import Flask
from sqlalchemy import select, update

from playlist_api.app import create_app
from playlist_api.auth import service
from playlist_api.auth.passwords import verify_password
from playlist_api.db.engine import db
from playlist_api.db.models import User
from tests.support.service import (
    PASSWORD,
    Actor,
    InProcess,
    call,
    environment,
    log_in,
    new_email,
    sign_up,
)


def account() -> dict[str, str]:
    return {"name": "Ada", "email": new_email(), "password": PASSWORD}


def stored_hash(app: Flask, actor: Actor) -> str:
    with app.app_context():
        return db.session.scalars(select(User.password_hash).filter_by(email=actor.email)).one()


def test_a_password_is_hashed_with_owasps_parameters(app: Flask, ada: Actor) -> None:
    assert stored_hash(app, ada).startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_a_hash_of_other_parameters_is_renewed_at_log_in(app: Flask, ada: Actor) -> None:
    old = argon2.PasswordHasher(memory_cost=8 * 1024, time_cost=1).hash(PASSWORD)
    with app.app_context():
        db.session.execute(update(User).filter_by(email=ada.email).values(password_hash=old))
        db.session.commit()
    before = ada.get("/me").json
    assert log_in(ada).user == before
    renewed = stored_hash(app, ada)
    assert renewed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    log_in(ada)
    assert stored_hash(app, ada) == renewed


def test_a_password_that_is_changed_meanwhile_opens_no_last_session(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = sign_up(InProcess(app))

    def verify_slowly(*arguments: Any) -> Any:
        verified = verify_password(*arguments)
        with db.engine.begin() as elsewhere:
            changed = update(User).filter_by(email=ada.email).values(password_hash="changed")
            elsewhere.execute(changed)
        return verified

    monkeypatch.setattr(service, "verify_password", verify_slowly)
    credentials = {"email": ada.email, "password": PASSWORD}
    assert call(ada.service, "POST", "/auth/login", credentials).status == 401


def test_nobody_has_a_password_that_matches(app: Flask) -> None:
    with app.app_context():
        for password in (PASSWORD, "", "x" * 5000):
            assert verify_password(password, None) == (False, None)


def test_argon2s_parameters_are_settings(database_url: str) -> None:
    dearer = {"ARGON2_MEMORY": "20480", "ARGON2_ITERATIONS": "3", "ARGON2_PARALLELISM": "2"}
    app = create_app(environment(database_url, **dearer))
    ada = sign_up(InProcess(app))
    assert stored_hash(app, ada).startswith("$argon2id$v=19$m=20480,t=3,p=2$")


@pytest.fixture
def strict(database_url: str) -> InProcess:
    """The service as it is in production."""
    return InProcess(create_app(environment(database_url, APP_ENV="production")))


@pytest.mark.parametrize(
    "password",
    ["password", "PassWord", "12345678", "qwertyuiop", "iloveyou", "password123"],
)
def test_a_common_password_is_refused_in_any_case(strict: InProcess, password: str) -> None:
    answer = call(strict, "POST", "/auth/signup", {**account(), "password": password})
    assert answer.fields == {"password"}
    assert "most common" in answer.error["details"][0]["message"]


@pytest.mark.parametrize("password", ["xx{email}xx", "XX{LOCAL}XX", "my name is {name}!"])
def test_a_password_must_not_hold_its_owners_name_or_email(
    strict: InProcess, password: str
) -> None:
    fields = {**account(), "name": "Ada Lovelace"}
    local = fields["email"].partition("@")[0]
    own = password.format(
        email=fields["email"], LOCAL=local.upper(), name=fields["name"].swapcase()
    )
    answer = call(strict, "POST", "/auth/signup", {**fields, "password": own})
    assert answer.fields == {"password"}
    assert "your own" in answer.error["details"][0]["message"]


def test_short_names_are_in_too_many_words_to_be_refused(strict: InProcess) -> None:
    fields = {**account(), "name": "Al", "password": "also a normal sentence"}
    assert call(strict, "POST", "/auth/signup", fields).status == 201


def test_a_weak_password_is_told_with_all_other_problems(strict: InProcess) -> None:
    answer = call(strict, "POST", "/auth/signup", {"email": "x", "password": "password"})
    assert answer.fields == {"name", "email", "password"}


@pytest.mark.parametrize(
    ("settings", "status"),
    [
        ({"APP_ENV": "production"}, 400),
        ({"APP_ENV": "development"}, 201),
        ({"APP_ENV": "development", "PASSWORD_BLOCKLIST": "true"}, 400),
        ({"APP_ENV": "production", "PASSWORD_BLOCKLIST": "false"}, 201),
    ],
)
def test_common_passwords_are_refused_in_production(
    database_url: str, settings: dict[str, str], status: int
) -> None:
    service = InProcess(create_app(environment(database_url, **settings)))
    answer = call(service, "POST", "/auth/signup", {**account(), "password": "Password123"})
    assert answer.status == status
