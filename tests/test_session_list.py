"""One's sessions: seeing them, and ending them from elsewhere."""

from uuid import UUID, uuid4

import jwt
import pytest
from flask import Flask

from tests.service import SECRET_KEY, Actor, log_in, sql

SESSION = {"id", "createdAt", "lastUsedAt", "expiresAt", "userAgent", "current"}


def sid(actor: Actor) -> str:
    return str(jwt.decode(actor.token, SECRET_KEY, ["HS256"])["sid"])


def listed(actor: Actor) -> list[str]:
    return [session["id"] for session in actor.get("/auth/sessions").json["items"]]


def test_sessions_are_listed_newest_first_and_the_present_one_is_marked(ada: Actor) -> None:
    phone, laptop = log_in(ada), log_in(ada)
    answer = phone.get("/auth/sessions")
    assert answer.status == 200
    assert set(answer.json) == {"items"}
    sessions = answer.json["items"]
    assert [session["id"] for session in sessions] == [sid(laptop), sid(phone), sid(ada)]
    assert [session["current"] for session in sessions] == [False, True, False]
    assert all(set(session) == SESSION for session in sessions)


def test_a_session_tells_when_it_was_used_last_and_by_what(ada: Actor) -> None:
    before = ada.get("/auth/sessions").json["items"][0]
    ada.hold(ada.refresh(User_Agent="Firefox/150\x80" + "x" * 300))
    after = ada.get("/auth/sessions").json["items"][0]
    assert after["id"] == before["id"]
    assert after["createdAt"] == before["createdAt"]
    assert after["lastUsedAt"] > before["lastUsedAt"]
    assert after["expiresAt"] > before["expiresAt"]
    assert after["userAgent"] == ("Firefox/150" + "x" * 300)[:255]


def test_an_expired_session_is_not_listed(app: Flask, ada: Actor) -> None:
    old = log_in(ada)
    sql(app, 'UPDATE "Session" SET "expiresAt" = now() WHERE id = :id', id=sid(old))
    assert listed(ada) == [sid(ada)]


def test_a_session_can_be_ended_from_another(ada: Actor) -> None:
    phone = log_in(ada)
    answer = ada.delete(f"/auth/sessions/{sid(phone)}")
    assert (answer.status, answer.body) == (204, b"")
    assert "Set-Cookie" not in answer.headers
    assert phone.get("/me").status == phone.refresh().status == 401
    assert ada.get("/me").status == 200
    assert ada.delete(f"/auth/sessions/{sid(phone)}").status == 404


def test_ending_the_present_session_is_a_logout(ada: Actor) -> None:
    answer = ada.delete(f"/auth/sessions/{sid(ada)}")
    assert (answer.status, answer.cookie.value) == (204, "")
    assert ada.get("/me").status == ada.refresh().status == 401


def test_nobody_can_tell_anothers_session_from_none(ada: Actor, bob: Actor) -> None:
    answers = [bob.delete(f"/auth/sessions/{which}") for which in (sid(ada), uuid4())]
    assert [answer.status for answer in answers] == [404, 404]
    assert answers[0].error == answers[1].error
    assert ada.get("/me").status == 200


@pytest.mark.parametrize("name", ["1", "x", "%00", str(UUID(int=1))[:-1], "0" * 32, "{sid}x"])
def test_a_name_that_is_no_id_is_no_address(witness: Actor, name: str) -> None:
    answer = witness.delete(f"/auth/sessions/{name.format(sid=sid(witness))}")
    assert (answer.status, answer.error["code"]) == (404, "NOT_FOUND")


def test_all_other_sessions_can_be_ended_at_once(ada: Actor, bob: Actor) -> None:
    others = [log_in(ada) for _ in range(3)]
    assert ada.delete("/auth/sessions").status == 204
    assert listed(ada) == [sid(ada)]
    assert {other.get("/me").status for other in others} == {401}
    assert bob.get("/me").status == 200
    assert ada.refresh().status == 200


def test_a_user_has_at_most_twenty_sessions_and_the_oldest_goes_first(ada: Actor) -> None:
    newer = [log_in(ada) for _ in range(20)]
    assert listed(newer[-1]) == [sid(session) for session in reversed(newer)]
    assert ada.get("/me").status == ada.refresh().status == 401
    assert newer[0].get("/me").status == 200
