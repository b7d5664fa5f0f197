"""The list of movies, page after page by cursors: deep pages are as quick, and nothing is lost."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from flask import Flask

from playlist_api.movies.cursors import Cursor, encode_cursor
from tests.support.service import Actor, Answer, call, sql

MICROSECOND = timedelta(microseconds=1)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
LINK = re.compile(r'</movies(\?cursor=[\w-]+&limit=[0-9]+[^>]*)>; rel="(next|prev)"', re.ASCII)

Add = Callable[..., list[int]]


@pytest.fixture
def add(app: Flask) -> Add:
    """Put movies of given moments on a list, and return their ids."""
    statement = """INSERT INTO "Movie" (title, "ownerId", "createdAt")
                   SELECT 'Heat', :owner, moment FROM unnest(:moments ::timestamptz[]) moment
                   RETURNING id"""

    def add(owner: Actor, *moments: datetime) -> list[int]:
        rows = sql(app, statement, owner=owner.user["id"], moments=list(moments))
        return [movie for (movie,) in rows]

    return add


def next_query(answer: Answer, relation: str = "next") -> str | None:
    """What to ask `/movies` for the next page, or None on the last one."""
    assert answer.status == 200, answer.body
    links = [LINK.fullmatch(link) for link in answer.headers.get("Link", "").split(", ") if link]
    assert all(links), answer.headers["Link"]
    return {link[2]: link[1] for link in links if link}.get(relation)


def pages(actor: Actor, query: str | None = "") -> Iterator[Answer]:
    """The page that is asked for, and those that links lead to."""
    while query is not None:
        yield (answer := actor.get(f"/movies{query}"))
        query = next_query(answer)


def ids(answer: Answer) -> list[int]:
    return [movie["id"] for movie in answer.json["items"]]


def cursor_after(movie: Any) -> str:
    moment = datetime.fromisoformat(movie["createdAt"])
    return encode_cursor(Cursor("-createdAt", moment, movie["id"]))


def test_an_empty_list_links_to_nothing(ada: Actor) -> None:
    assert "Link" not in ada.get("/movies").headers


def test_a_page_by_cursor_has_the_total_and_no_number(ada: Actor, add: Add) -> None:
    add(ada, *[NOON] * 7)
    first, *others = pages(ada, "?limit=3")
    assert first.json["meta"] == {"page": 1, "limit": 3, "total": 7, "totalPages": 3}
    for page in others:
        assert page.json["meta"].items() >= {**first.json["meta"], "page": None}.items()
    empty = ada.get(f"/movies?cursor={cursor_after(others[-1].json['items'][-1])}")
    meta = {"page": None, "limit": 20, "total": 7, "totalPages": 1, "next": None}
    assert empty.json["items"] == []
    assert empty.json["meta"].items() >= meta.items()
    assert len(ids(ada.get(f"/movies{next_query(empty, 'prev')}"))) == 7


def test_a_cursor_is_as_exact_as_the_list(ada: Actor, add: Add) -> None:
    added = add(ada, *(NOON + number * MICROSECOND for number in (1, 999, 1000, 1001, 999999)))
    assert [ids(page) for page in pages(ada, "?limit=1")] == [[movie] for movie in added[::-1]]
    shown = [movie["createdAt"][-7:] for movie in ada.get("/movies").json["items"]]
    assert shown == ["999999Z", "001001Z", "001000Z", "000999Z", "000001Z"]


def test_a_cursor_names_a_place_and_nobody(ada: Actor, bob: Actor, add: Add) -> None:
    older, _, newer = (add(who, NOON + n * MICROSECOND)[0] for n, who in enumerate((ada, bob, ada)))
    at_bobs = f"/movies?cursor={cursor_after(bob.get('/movies').json['items'][0])}"
    assert ids(ada.get("/movies")) == [newer, older]
    assert ids(ada.get(at_bobs)) == [older]
    assert ids(bob.get(at_bobs)) == []


@pytest.mark.parametrize("movie_id", [1 - 2**63, -1, 0, 2**63 - 1])
@pytest.mark.parametrize("moment", [FIRST, NOON, LAST])
def test_a_list_goes_on_from_any_place(ada: Actor, moment: datetime, movie_id: int) -> None:
    ada.add_movie()
    cursor = encode_cursor(Cursor("-createdAt", moment, movie_id))
    assert len(ids(ada.get(f"/movies?cursor={cursor}"))) == (moment == LAST)


def test_a_cursor_opens_nothing_once_the_session_has_ended(ada: Actor, add: Add) -> None:
    add(ada, NOON, NOON)
    query = next_query(ada.get("/movies?limit=1"))
    ada.post("/auth/logout")
    for answer in (ada.get(f"/movies{query}"), ada.get("/movies?cursor=x")):
        assert (answer.status, answer.error["code"]) == (401, "UNAUTHORIZED")


def test_scripts_of_the_front_end_may_read_the_link(ada: Actor, add: Add) -> None:
    add(ada, NOON, NOON)
    answer = ada.get("/movies?limit=1", Origin="http://localhost:3000")
    assert "Link" in answer.headers
    assert "Link" in answer.headers["Access-Control-Expose-Headers"].split(", ")
    assert call(ada.service, "HEAD", "/movies?limit=1", token=ada.token).headers["Link"]


@pytest.mark.parametrize("seed", range(5))
def test_whoever_walks_by_cursors_meets_each_movie_that_stays_once(
    app: Flask, ada: Actor, add: Add, seed: int
) -> None:
    random = Random(seed)

    def moments(count: int) -> list[datetime]:
        # Few enough that many movies share one, and some are a microsecond apart.
        return [
            NOON + random.choice([timedelta(0), MICROSECOND]) * random.randrange(9)
            for _ in range(count)
        ]

    staying, going = set(add(ada, *moments(40))), add(ada, *moments(40))
    met: list[int] = []
    for page in pages(ada, f"?limit={random.randint(1, 9)}"):
        met += ids(page)
        random.shuffle(going)
        gone, going = going[:4], going[4:]
        sql(app, 'DELETE FROM "Movie" WHERE id = ANY(:gone)', gone=gone)
        going += add(ada, *moments(random.randrange(5)))
    assert len(met) == len(set(met))
    assert staying <= set(met)
