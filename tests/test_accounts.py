"""Signing up, logging in, and who one is."""

from uuid import UUID

import pytest

from tests.service import PASSWORD, Actor, Service, call, log_in, new_email, sign_up

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
