"""Conditional requests: reading only what is new, and changing only what one has seen."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.service import PASSWORD, Actor, Answer, Service, call, sign_up

OTHER = '"0123456789abcdef"'


@pytest.fixture(params=["/movies/{id}", "/me"])
def path(request: pytest.FixtureRequest, ada: Actor) -> str:
    """Something of Ada's that has an ETag."""
    template: str = request.param
    return template.format(id=ada.add_movie()["id"]) if "{id}" in template else template


def change(ada: Actor, path: str, **headers: str) -> Answer:
    """Give the movie another title, or Ada another name."""
    body = {"name": "Ada King"} if path == "/me" else {"title": "Ronin"}
    answer: Answer = ada.patch(path, body, **headers)
    return answer


def remove(ada: Actor, path: str, **headers: str) -> Answer:
    """Delete the movie, or Ada."""
    body = {"currentPassword": PASSWORD} if path == "/me" else None
    answer: Answer = ada.delete(path, body, **headers)
    return answer


def refused(answer: Answer) -> bool:
    return (answer.status, answer.error["code"]) == (412, "PRECONDITION_FAILED")


def test_what_was_read_has_an_etag_until_it_changes(ada: Actor, path: str) -> None:
    etag = ada.get(path).headers["ETag"]
    assert ada.get(path).headers["ETag"] == etag
    changed = change(ada, path).headers["ETag"]
    assert changed != etag
    assert ada.get(path).headers["ETag"] == changed


def test_a_new_movie_has_the_etag_that_it_is_read_with(ada: Actor) -> None:
    added = ada.post("/movies", {"title": "Heat"})
    assert added.headers["ETag"] == ada.get(added.headers["Location"]).headers["ETag"]


def test_a_movie_put_back_as_it_was_keeps_its_etag(ada: Actor) -> None:
    movie = ada.add_movie()
    read = ada.get(f"/movies/{movie['id']}")
    assert ada.put(f"/movies/{movie['id']}", movie).headers["ETag"] == read.headers["ETag"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("wanted", ["{}", "W/{}", '"other", {}', "*"])
def test_what_the_client_has_already_is_not_sent_again(
    ada: Actor, path: str, method: str, wanted: str
) -> None:
    etag = ada.get(path).headers["ETag"]
    answer = ada.call(method, path, If_None_Match=wanted.format(etag))
    assert (answer.status, answer.body, answer.headers["ETag"]) == (304, b"", etag)
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("had", [OTHER, f"W/{OTHER}", "", ",", "rubbish", '"', "é", "x" * 4000])
def test_what_the_client_does_not_have_is_sent(ada: Actor, path: str, had: str) -> None:
    answer = ada.get(path, If_None_Match=had)
    assert (answer.status, answer.json) == (200, ada.get(path).json)


def test_a_read_may_insist_on_what_was_read_before(ada: Actor, path: str) -> None:
    etag = ada.get(path).headers["ETag"]
    assert ada.get(path, If_Match=etag).status == 200
    assert ada.get(path, If_Match="*").status == 200
    assert ada.get(path, If_Match=etag, If_None_Match=etag).status == 304
    assert refused(ada.get(path, If_Match=OTHER))


@pytest.mark.parametrize("wanted", ["{}", '"other", {}', "*"])
def test_what_is_as_it_was_read_can_be_changed_and_deleted(
    ada: Actor, path: str, wanted: str
) -> None:
    etag = ada.get(path).headers["ETag"]
    changed = change(ada, path, If_Match=wanted.format(etag))
    assert changed.status == 200
    assert remove(ada, path, If_Match=wanted.format(changed.headers["ETag"])).status == 204


@pytest.mark.parametrize(
    "wanted", [OTHER, "W/{}", "", ",", "rubbish", '"', "é", '"*"', "x" * 4000, '"{}']
)
def test_what_is_not_as_it_was_read_stays_as_it_is(ada: Actor, path: str, wanted: str) -> None:
    before = ada.get(path)
    stale = wanted.format(before.headers["ETag"])
    assert refused(change(ada, path, If_Match=stale))
    assert refused(remove(ada, path, If_Match=stale))
    assert ada.get(path).json == before.json


def test_a_change_of_what_must_not_be_there_is_refused(ada: Actor, path: str) -> None:
    before = ada.get(path)
    for wanted in ("*", before.headers["ETag"], f"W/{before.headers['ETag']}"):
        assert refused(change(ada, path, If_None_Match=wanted))
        assert refused(remove(ada, path, If_None_Match=wanted))
    assert ada.get(path).json == before.json
    assert change(ada, path, If_None_Match=OTHER).status == 200


def test_of_those_who_change_what_they_all_read_one_succeeds(ada: Actor, path: str) -> None:
    etag = ada.get(path).headers["ETag"]

    def change_it(_: int) -> int:
        return change(ada, path, If_Match=etag).status

    with ThreadPoolExecutor(10) as threads:
        statuses = sorted(threads.map(change_it, range(10)))
    assert statuses == [200, *[412] * 9]


def test_a_precondition_comes_after_everything_else(ada: Actor) -> None:
    path = f"/movies/{ada.add_movie()['id']}"
    assert ada.put(path, {}, If_Match=OTHER, token="x").status == 401
    assert ada.put(path, {"title": ""}, If_Match=OTHER).status == 400
    assert ada.put("/movies/999999999", {}, If_Match=OTHER).status == 404


def test_an_etag_opens_nothing_to_others(ada: Actor, bob: Actor) -> None:
    path = f"/movies/{ada.add_movie()['id']}"
    etag = ada.get(path).headers["ETag"]
    assert bob.get(path, If_None_Match=etag).status == 403
    assert bob.put(path, {}, If_Match=OTHER).status == 403
    assert bob.delete(path, If_Match=etag).status == 403


def test_the_document_need_not_be_sent_twice(service: Service) -> None:
    etag = call(service, "GET", "/openapi.json").headers["ETag"]
    assert call(service, "GET", "/openapi.json", If_None_Match=etag).status == 304


def test_an_email_is_changed_only_of_the_account_that_was_read(service: Service) -> None:
    ada = sign_up(service)
    body = {"email": f"new.{ada.email}", "currentPassword": PASSWORD}
    assert refused(ada.patch("/me", body, If_Match=OTHER))
    assert ada.patch("/me", body, If_Match=ada.get("/me").headers["ETag"]).status == 200
