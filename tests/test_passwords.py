"""How passwords are kept, and which are too common."""

import argon2
import pytest
from flask import Flask
from sqlalchemy import select, update

from playlist_api.app import create_app
from playlist_api.database import db
from playlist_api.models import User
from playlist_api.security.passwords import hash_password, is_common, verify_password
from tests.service import PASSWORD, Actor, InProcess, call, environment, log_in, new_email


def stored_hash(app: Flask, actor: Actor) -> str:
    with app.app_context():
        return db.session.scalars(select(User.password_hash).filter_by(email=actor.email)).one()


def test_a_password_is_hashed_with_owasps_parameters(app: Flask, ada: Actor) -> None:
    assert stored_hash(app, ada).startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_the_same_password_never_has_the_same_hash() -> None:
    assert hash_password(PASSWORD) != hash_password(PASSWORD)


def test_a_hash_of_other_parameters_is_renewed_at_log_in(app: Flask, ada: Actor) -> None:
    old = argon2.PasswordHasher(memory_cost=8 * 1024, time_cost=1).hash(PASSWORD)
    with app.app_context():
        db.session.execute(update(User).filter_by(email=ada.email).values(password_hash=old))
        db.session.commit()
    log_in(ada)
    renewed = stored_hash(app, ada)
    assert renewed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    log_in(ada)
    assert stored_hash(app, ada) == renewed


def test_nobody_has_a_password_that_matches() -> None:
    for password in (PASSWORD, "", "x" * 5000):
        assert verify_password(password, None) == (False, None)


@pytest.mark.parametrize("password", ["password", "PassWord", "12345678", "qwertyuiop", "iloveyou"])
def test_common_passwords_are_known_in_any_case(password: str) -> None:
    assert is_common(password)
    assert not is_common(f"{password} of my own making")


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
    account = {"name": "Ada", "email": new_email(), "password": "Password123"}
    answer = call(service, "POST", "/auth/signup", account)
    assert answer.status == status
    if status == 400:
        (problem,) = answer.error["details"]
        assert problem["field"] == "password"
        assert "most common" in problem["message"]
