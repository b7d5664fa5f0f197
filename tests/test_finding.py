"""Finding movies in a list, and sorting it."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from flask import Flask

from playlist_api.movies.cursors import SORTS
from tests.support.service import Actor, Answer, sign_up, sql

MOVIES = [
    *(("Élan", "1999"), ("zebra", None), ("apple", "1990"), ("Banana!", "2001")),
    *(("100% Wolf", "2020"), ("1000 Ways", "2020"), ("The Shawshank Redemption", "1994")),
    *(("under_score", "1999"), ("ELAN", "1999"), ("Łódź, miasto", "1989"), ("Übung", "1989")),
    ("(500) Days of Summer", "2009"),
]
"""Titles and years, of which the first was added first."""

ADD = """INSERT INTO "Movie" (title, year, "ownerId", "createdAt", "updatedAt")
         VALUES (:title, :year, :owner, now() + :n * interval '1 second',
                 now() - :n % 5 * interval '1 day')"""


@pytest.fixture(scope="module")
def collector(app: Flask, service: Any) -> Actor:
    """Somebody with those movies, in a service where somebody else has the same."""
    for actor in (sign_up(service), collector := sign_up(service)):
        for n, (title, year) in enumerate(MOVIES):
            sql(app, ADD, title=title, year=year, owner=actor.user["id"], n=n)
    return collector


def asked(actor: Actor, **parameters: Any) -> Answer:
    query = "&".join(f"{name}={quote(str(value))}" for name, value in parameters.items())
    answer: Answer = actor.get(f"/movies?{query}")
    assert answer.status == 200, answer.body
    return answer


def titles(answer: Answer) -> list[str]:
    return [movie["title"] for movie in answer.json["items"]]


FOUND = {
    "ELAN, Élan": ["elan", "ÉLA"],
    "The Shawshank Redemption": ["redemption shaw"],
    "Łódź, miasto": ["lodz", "MIASTO, łódź"],
    "1000 Ways, 100% Wolf": ["100"],
    "100% Wolf": ["100%", "%"],
    "under_score": ["_"],
    "(500) Days of Summer": ["500 days"],
    "": [
        *("shaw redemption", "r_s", "nothing", "!!!", "\u200b\u200c", ".*", "elan | zebra"),
        *("zebra':* | 'elan", '\'; DROP TABLE "Movie"; --', "x" * 255, "🎬" * 255, "a " * 127),
    ],
}
"""Titles, and searches that find them."""


@pytest.mark.parametrize(
    ("found", "search"), [(found, search) for found in FOUND for search in FOUND[found]]
)
def test_movies_are_found_by_words_of_their_titles(
    collector: Actor, found: str, search: str
) -> None:
    answer = asked(collector, search=search)
    assert ", ".join(titles(answer)) == found
    total = len(titles(answer))
    numbers = {"page": 1, "limit": 20, "total": total, "totalPages": int(bool(total))}
    assert answer.json["meta"] == {**numbers, "next": None, "previous": None}


@pytest.mark.parametrize("search", ["", " ", "\u3000"])
def test_a_search_for_nothing_is_none(collector: Actor, search: str) -> None:
    assert asked(collector, search=search).json["meta"]["total"] == len(MOVIES)


@pytest.mark.parametrize(
    ("year", "found"),
    [
        ("1999", ["ELAN", "under_score", "Élan"]),
        ("1989..1990", ["Übung", "Łódź, miasto", "apple"]),
        ("1994..1994", ["The Shawshank Redemption"]),
        ("0000..1988", []),
    ],
)
def test_movies_are_found_by_their_years(collector: Actor, year: str, found: list[str]) -> None:
    assert titles(asked(collector, year=year)) == found


def test_words_and_years_are_asked_for_together(collector: Actor) -> None:
    assert titles(asked(collector, search="elan", year="1990..2000", sort="createdAt")) == [
        "Élan",
        "ELAN",
    ]
    assert titles(asked(collector, search="elan", year="2000..2010")) == []


def test_titles_are_sorted_as_people_expect(collector: Actor) -> None:
    expected = [
        *("100% Wolf", "1000 Ways", "(500) Days of Summer", "apple", "Banana!", "Élan", "ELAN"),
        *("Łódź, miasto", "The Shawshank Redemption", "Übung", "under_score", "zebra"),
    ]
    assert titles(asked(collector, sort="title")) == expected
    assert titles(asked(collector, sort="-title")) == expected[::-1]


def test_a_movie_without_a_year_is_the_oldest(collector: Actor) -> None:
    assert titles(asked(collector, sort="year"))[:3] == ["zebra", "Łódź, miasto", "Übung"]
    assert titles(asked(collector, sort="-year"))[::-1][:3] == ["zebra", "Łódź, miasto", "Übung"]


def whole(collector: Actor, **parameters: Any) -> list[int]:
    return [movie["id"] for movie in asked(collector, limit=100, **parameters).json["items"]]


FILTERS: list[dict[str, str]] = [
    *({}, {"search": "e"}, {"year": "1989..2005"}, {"search": "e", "year": "1999"}),
]


@pytest.mark.parametrize("sort", SORTS)
def test_every_order_is_by_its_key_and_then_by_id(collector: Actor, sort: str) -> None:
    items = asked(collector, sort=sort, limit=100).json["items"]
    assert len(items) == len(MOVIES)
    assert whole(collector, sort=sort) == whole(collector, sort=f"-{sort}".replace("--", ""))[::-1]
    if sort.removeprefix("-") != "title":
        keys = [(movie[sort.removeprefix("-")] or "", movie["id"]) for movie in items]
        assert keys == sorted(keys, reverse=sort.startswith("-"))


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("filters", FILTERS, ids=str)
def test_pages_by_number_and_by_cursor_are_parts_of_the_whole(
    collector: Actor, sort: str, filters: dict[str, str]
) -> None:
    expected = whole(collector, sort=sort, **filters)
    answer = asked(collector, sort=sort, limit=2, **filters)
    assert answer.json["meta"]["total"] == len(expected)
    met = list(walk(collector, answer, "next"))
    assert [movie for page in met for movie in page.ids] == expected
    back = list(walk(collector, met[-1].answer, "previous"))
    assert [page.ids for page in back[::-1]] == [page.ids for page in met]
    assert back[-1].answer.json["meta"]["previous"] is None
    for number, page in enumerate(met, 1):
        numbered = asked(collector, sort=sort, limit=2, page=number, **filters)
        assert [movie["id"] for movie in numbered.json["items"]] == page.ids
        assert (numbered.json["meta"]["previous"] is None) == (number == 1)
        assert (numbered.json["meta"]["next"] is None) == (number == len(met))


class Page:
    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.ids = [movie["id"] for movie in answer.json["items"]]


def walk(actor: Actor, answer: Answer, way: str) -> Iterator[Page]:
    """A page and those that it leads to, by links that say the same as `meta`."""
    while True:
        yield Page(answer)
        cursor, link = answer.json["meta"][way], links(answer).get(way.removesuffix("ious"))
        assert (link is None) == (cursor is None)
        if link is None:
            return
        assert parse_qs(urlsplit(link).query)["cursor"] == [cursor]
        answer = actor.get(link)
        assert answer.status == 200, answer.body


def links(answer: Answer) -> dict[str, str]:
    found = (link.split(">; rel=") for link in answer.headers.get("Link", "").split(", ") if link)
    return {relation.strip('"'): path.removeprefix("<") for path, relation in found}


def test_links_keep_what_was_asked_for(ada: Actor) -> None:
    for title in ("100% Wolf & Łódź", "100% Wolf & Łódź 2"):
        ada.add_movie(title, year="2020")
    answer = asked(ada, search="100% & łódź", year="2000..2020", sort="-title", limit=1)
    query = parse_qs(urlsplit(links(answer)["next"]).query)
    assert query.pop("cursor") == [answer.json["meta"]["next"]]
    asked_for = {"search": "100% & łódź", "year": "2000..2020", "sort": "-title", "limit": "1"}
    assert query == {name: [value] for name, value in asked_for.items()}
    second = ada.get(links(answer)["next"])
    assert titles(second) == ["100% Wolf & Łódź"]
    assert titles(ada.get(links(second)["prev"])) == ["100% Wolf & Łódź 2"]


def test_who_asks_for_numbers_alone_gets_no_more_than_they_always_got(collector: Actor) -> None:
    answer = asked(collector, page=2, limit=5)
    meta = {"page": 2, "limit": 5, "total": len(MOVIES), "totalPages": 3}
    assert answer.json["meta"] == meta
    assert set(links(answer)) == {"next"}


def test_a_page_past_the_end_leads_nowhere(collector: Actor) -> None:
    answer = asked(collector, page=99, sort="title")
    expected = {"page": 99, "total": len(MOVIES), "next": None, "previous": None}
    assert answer.json["meta"].items() >= expected.items()
    assert "Link" not in answer.headers


def test_the_longest_titles_and_searches_go_on(ada: Actor) -> None:
    for n in range(3):
        ada.add_movie(f"{'🎬' * 254}{n}")
    answer = asked(ada, search="🎬" * 254, sort="title", limit=1)
    assert [len(titles(page.answer)) for page in walk(ada, answer, "next")] == [1, 1, 1]


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("filters", [{}, {"search": "heat"}], ids=str)
def test_whoever_stands_on_a_movie_that_has_gone_with_all_behind_it_finds_the_way_back(
    ada: Actor, sort: str, filters: dict[str, str]
) -> None:
    first, second, third = (ada.add_movie(f"Heat {n}", year=f"199{n}")["id"] for n in range(3))
    ahead = asked(ada, sort=sort, limit=1, **filters)
    order = [page.ids[0] for page in walk(ada, ahead, "next")]
    middle = ada.get(links(ahead)["next"])
    for movie in order[2:]:
        ada.delete(f"/movies/{movie}")
    empty = ada.get(links(middle)["next"])
    assert (titles(empty), empty.json["meta"]["next"]) == ([], None)
    assert Page(ada.get(links(empty)["prev"])).ids == [order[1]]
    ada.delete(f"/movies/{order[0]}")
    empty = ada.get(links(middle)["prev"])
    assert (titles(empty), empty.json["meta"]["previous"]) == ([], None)
    assert Page(ada.get(links(empty)["next"])).ids == [order[1]]
    assert sorted(order) == [first, second, third]
