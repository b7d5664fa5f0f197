"""Idempotency keys: a movie that is posted again with its key is not added again."""

from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask

from playlist_api.movies.service import hash_of_fields
from tests.support.service import Actor, Answer, sql

HEAT = {"title": "Heat", "year": "1995", "imageUrl": "https://example.com/heat.jpg"}


@pytest.fixture
def key() -> str:
    return str(uuid4())


def post(actor: Actor, key: str, body: Any = HEAT) -> Answer:
    answer: Answer = actor.post("/movies", body, Idempotency_Key=key)
    return answer


def titles(actor: Actor) -> list[str]:
    return [movie["title"] for movie in actor.get("/movies").json["items"]]


def expire_keys(app: Flask, actor: Actor) -> None:
    expiring = """UPDATE "IdempotencyKey" SET "expiresAt" = now() WHERE "userId" = :user"""
    sql(app, expiring, user=actor.user["id"])


def test_a_repeated_call_gets_the_first_answer_and_adds_nothing(ada: Actor, key: str) -> None:
    first, second = post(ada, key), post(ada, key)
    assert (second.status, second.json) == (201, first.json)
    for name in ("ETag", "Location"):
        assert second.headers[name] == first.headers[name]
    assert titles(ada) == ["Heat"]


def test_the_first_answer_stays_when_the_movie_changes_and_goes(ada: Actor, key: str) -> None:
    first = post(ada, key)
    ada.put(first.headers["Location"], {"title": "Ronin"})
    assert post(ada, key).json == first.json
    ada.delete(first.headers["Location"])
    assert post(ada, key).json == first.json
    assert titles(ada) == []


def test_a_body_that_says_the_same_is_the_same(ada: Actor, key: str) -> None:
    first = post(ada, key, {"title": "Heat"})
    same = {"year": None, "rating": 5, "title": " Heat\t"}
    assert post(ada, key, same).json == first.json


@pytest.mark.parametrize("other", [{"title": "heat"}, {"year": "1996"}, {"imageUrl": None}])
def test_another_movie_with_the_key_is_a_conflict(
    ada: Actor, key: str, other: dict[str, Any]
) -> None:
    first = post(ada, key)
    answer = post(ada, key, {**HEAT, **other})
    assert (answer.status, answer.error["code"]) == (409, "CONFLICT")
    assert titles(ada) == ["Heat"]
    assert post(ada, key).json == first.json


def test_a_key_of_the_first_release_still_gets_its_first_answer(
    app: Flask, ada: Actor, key: str
) -> None:
    first = post(ada, key, {"title": "Heat"})
    then = sha256(b'{"image_url": null, "title": "Heat", "year": null}').hexdigest()
    stored = """UPDATE "IdempotencyKey" SET fields = :then WHERE "userId" = :user"""
    sql(app, stored, then=then, user=ada.user["id"])
    assert post(ada, key, {"title": "Heat"}).json == first.json


def test_a_new_field_that_is_left_out_does_not_change_the_hash() -> None:
    fields = {"title": "Heat", "year": "1995", "image_url": None}
    assert hash_of_fields({**fields, "new": None}) == hash_of_fields(fields)
    assert hash_of_fields({**fields, "new": "x"}) != hash_of_fields(fields)


def test_keys_are_everybodys_own(ada: Actor, bob: Actor, key: str) -> None:
    ours, theirs = post(ada, key).json, post(bob, key, {"title": "Ronin"}).json
    assert ours["id"] != theirs["id"]
    assert (titles(ada), titles(bob)) == (["Heat"], ["Ronin"])


def test_a_refused_call_does_not_use_up_its_key(ada: Actor, key: str) -> None:
    assert post(ada, key, {"title": ""}).status == 400
    assert post(ada, key, b"{").status == 400
    assert ada.post("/movies", HEAT, token="x", Idempotency_Key=key).status == 401
    assert post(ada, key).status == 201


def test_without_a_key_every_call_adds_a_movie(ada: Actor) -> None:
    ada.post("/movies", HEAT)
    ada.post("/movies", HEAT)
    assert titles(ada) == ["Heat", "Heat"]


def test_of_racing_calls_one_adds_the_movie_and_all_hear_of_it(ada: Actor, key: str) -> None:
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda _: post(ada, key), range(20)))
    assert {answer.status for answer in answers} == {201}
    assert {answer.body for answer in answers} == {answers[0].body}
    assert titles(ada) == ["Heat"]


def test_of_racing_calls_for_two_movies_one_is_added(ada: Actor, key: str) -> None:
    bodies = [{"title": title} for title in ("Heat", "Ronin")] * 10
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda body: post(ada, key, body), bodies))
    (title,) = titles(ada)
    expected = [201 if body["title"] == title else 409 for body in bodies]
    assert [answer.status for answer in answers] == expected


def test_after_its_time_a_key_is_new(app: Flask, ada: Actor, key: str) -> None:
    first = post(ada, key)
    expire_keys(app, ada)
    second = post(ada, key, {"title": "Ronin"})
    assert second.json["id"] != first.json["id"]
    assert post(ada, key, {"title": "Ronin"}).json == second.json
    assert titles(ada) == ["Ronin", "Heat"]


def test_a_key_is_kept_for_a_day_and_only_as_a_hash(app: Flask, ada: Actor, key: str) -> None:
    post(ada, key)
    kept = """SELECT key, "expiresAt" - "createdAt" = interval '1 day'
              FROM "IdempotencyKey" WHERE "userId" = :user"""
    ((stored, for_a_day),) = sql(app, kept, user=ada.user["id"])
    assert (len(stored), for_a_day) == (64, True)


@pytest.mark.parametrize(
    "plain", ["x", "x" * 255, '"8e03978e-40d5-43dd-bc93-6894a57f9324"', "a-b.c+d!"]
)
def test_any_plain_key_will_do(ada: Actor, plain: str) -> None:
    assert post(ada, plain).json == post(ada, plain).json


@pytest.mark.parametrize("faulty", ["", " ", "x" * 256, "a b", "a\tb", "a,b", "é"])
def test_a_key_that_is_not_plain_is_told_of(ada: Actor, faulty: str) -> None:
    assert post(ada, faulty).fields == {"Idempotency-Key"}
    assert titles(ada) == []


def test_a_key_opens_nothing_to_a_session_that_has_ended(ada: Actor, key: str) -> None:
    post(ada, key)
    ada.post("/auth/logout")
    assert post(ada, key).status == 401
    assert post(ada, str(uuid4())).status == 401
