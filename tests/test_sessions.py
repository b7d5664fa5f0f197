"""Sessions: refreshing, listing and ending them."""

from uuid import UUID, uuid4

import jwt
import pytest
from flask import Flask

from playlist_api.api.identity import Identity
from playlist_api.auth import service as auth
from playlist_api.errors import Unauthorized
from tests.support.service import SECRET_KEY, Actor, Service, call, log_in, sql

FOREIGN = "https://evil.example"
ALLOWED = "http://localhost:3000"
SESSION = {"id", "createdAt", "lastUsedAt", "expiresAt", "userAgent", "current"}


def age_rotation(app: Flask, actor: Actor, seconds: int) -> None:
    """Let the actor's sessions look as if they were last refreshed that long ago."""
    statement = """UPDATE "Session" SET "rotatedAt" = "rotatedAt" - make_interval(secs => :s)
                   WHERE "userId" = :user"""
    sql(app, statement, s=seconds, user=actor.user["id"])


def test_refresh_replaces_both_tokens(ada: Actor) -> None:
    first_token, first_cookie = ada.token, ada.cookie
    answer = ada.refresh()
    assert answer.status == 200
    assert answer.json.keys() == {"user", "accessToken"}
    assert answer.json["user"] == ada.user
    ada.hold(answer)
    assert first_token != ada.token
    assert first_cookie != ada.cookie
    for token in (first_token, ada.token):  # each serves until it expires
        assert ada.get("/me", token=token).status == 200
    assert ada.refresh().status == 200


def test_tokens_say_whose_they_are_and_how_long_they_last(ada: Actor) -> None:
    for token, kind, lifetime in (
        (ada.token, "access", 15 * 60),
        (ada.cookie, "refresh", 7 * 24 * 60 * 60),
    ):
        claims = jwt.decode(token, SECRET_KEY, algorithms=["HS256"])
        assert claims["sub"] == ada.user["id"]
        assert claims["type"] == kind
        assert claims["exp"] - claims["iat"] == lifetime
    assert jwt.decode(ada.cookie, SECRET_KEY, ["HS256"])["sid"] == claims["sid"]


def test_the_token_just_replaced_gets_what_replaced_it(ada: Actor) -> None:
    answers = [ada.refresh() for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 200]
    assert len({answer.cookie.value for answer in answers}) == 1
    for answer in answers:
        assert ada.hold(answer).get("/me").status == 200


def test_the_token_just_replaced_serves_for_ten_seconds(app: Flask, ada: Actor) -> None:
    newest = ada.refresh()
    age_rotation(app, ada, 7)
    assert ada.refresh().status == 200
    age_rotation(app, ada, 4)
    assert ada.refresh().status == 401
    assert ada.hold(newest).get("/me").status == 401
    assert ada.refresh().status == 401


def test_a_token_replaced_twice_ends_its_session_at_once(ada: Actor) -> None:
    stolen = ada.cookie
    ada.hold(ada.refresh())
    ada.hold(ada.refresh())
    elsewhere = log_in(ada)
    answer = ada.refresh(stolen)
    assert (answer.status, answer.error["code"]) == (401, "UNAUTHORIZED")
    assert ada.get("/me").status == 401
    assert ada.refresh().status == 401
    assert elsewhere.get("/me").status == 200


@pytest.mark.parametrize("proof", ["bearer", "cookie", "both"])
def test_logout_ends_the_session_and_clears_the_cookie(ada: Actor, proof: str) -> None:
    token = ada.token if proof in {"bearer", "both"} else None
    elsewhere = log_in(ada)
    held = ada.cookie if proof in {"cookie", "both"} else None
    answer = ada.post("/auth/logout", token=token, cookie=held)
    assert (answer.status, answer.body) == (204, b"")
    assert "Content-Type" not in answer.headers
    cookie = answer.cookie
    assert (cookie.value, cookie["path"], cookie["max-age"]) == ("", "/auth", "0")
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Strict")
    assert ada.get("/me").status == ada.refresh().status == 401
    assert elsewhere.get("/me").status == elsewhere.refresh().status == 200


def test_logout_ends_both_sessions_when_header_and_cookie_differ(ada: Actor) -> None:
    elsewhere = log_in(ada)
    assert ada.post("/auth/logout", cookie=elsewhere.cookie).status == 204
    assert ada.get("/me").status == elsewhere.get("/me").status == 401


def test_logout_with_a_replaced_token_ends_the_session(ada: Actor) -> None:
    replaced = ada.cookie
    ada.hold(ada.refresh())
    assert ada.post("/auth/logout", token=None, cookie=replaced).status == 204
    assert ada.get("/me").status == 401


@pytest.mark.parametrize("cookie", [None, "", "rubbish"])
@pytest.mark.parametrize("token", [None, "", "rubbish"])
def test_logout_with_nothing_to_end_succeeds(
    service: Service, token: str | None, cookie: str | None
) -> None:
    assert call(service, "POST", "/auth/logout", token=token, cookie=cookie).status == 204


def test_logout_wants_each_token_in_its_own_place(ada: Actor) -> None:
    assert ada.post("/auth/logout", token=ada.cookie, cookie=ada.token).status == 204
    assert ada.get("/me").status == 200


@pytest.mark.parametrize("path", ["/auth/refresh", "/auth/logout"])
@pytest.mark.parametrize("origin", [FOREIGN, "null", "", "http://localhost:3000.evil.example"])
def test_a_page_of_a_foreign_origin_cannot_use_the_cookie(
    ada: Actor, path: str, origin: str
) -> None:
    answer = call(ada.service, "POST", path, cookie=ada.cookie, Origin=origin)
    assert (answer.status, answer.error["code"]) == (403, "FORBIDDEN")
    assert "Set-Cookie" not in answer.headers
    assert ada.refresh().status == 200


def test_a_page_of_an_allowed_origin_can_use_the_cookie(ada: Actor) -> None:
    assert ada.refresh(Origin=ALLOWED).status == 200
    logout = call(ada.service, "POST", "/auth/logout", cookie=ada.cookie, Origin=ALLOWED)
    assert logout.status == 204


def test_the_cookie_opens_nothing_else(ada: Actor) -> None:
    for path in ("/me", "/movies"):
        assert call(ada.service, "GET", path, cookie=ada.cookie).status == 401


def test_an_expired_session_is_over(app: Flask, ada: Actor) -> None:
    sql(app, 'UPDATE "Session" SET "expiresAt" = now() WHERE "userId" = :id', id=ada.user["id"])
    assert ada.get("/me").status == ada.refresh().status == 401


def test_a_session_that_ends_while_it_is_refreshed_is_over(app: Flask) -> None:
    with app.app_context(), pytest.raises(Unauthorized):
        auth.refresh(Identity(str(uuid4()), str(uuid4())), "its last token", "curl")


def test_deleting_a_user_takes_their_movies_and_sessions_along(app: Flask, ada: Actor) -> None:
    movie = ada.add_movie()
    sql(app, 'DELETE FROM "User" WHERE id = :id', id=ada.user["id"])
    assert sql(app, 'SELECT FROM "Movie" WHERE id = :id', id=movie["id"]) == []
    assert ada.get("/me").status == ada.refresh().status == 401


def test_the_database_keeps_no_token(app: Flask, ada: Actor) -> None:
    ada.hold(ada.refresh())
    rows = 'SELECT s::text FROM "Session" s WHERE "userId" = :user'
    ((kept,),) = sql(app, rows, user=ada.user["id"])
    assert ada.cookie.rsplit(".", 1)[1] not in kept


def test_an_expired_access_token_is_proof_enough_for_a_logout(ada: Actor) -> None:
    claims = jwt.decode(ada.token, SECRET_KEY, ["HS256"])
    expired = jwt.encode({**claims, "exp": claims["iat"] - 1}, SECRET_KEY, "HS256")
    assert ada.get("/me", token=expired).status == 401
    assert ada.post("/auth/logout", token=expired).status == 204
    assert ada.get("/me").status == 401


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
