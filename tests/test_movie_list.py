"""The list of movies, page by page."""

import pytest

from tests.service import Actor


@pytest.fixture
def collector(ada: Actor) -> Actor:
    """Somebody with 45 movies, of which the newest is number 44."""
    for number in range(45):
        ada.add_movie(f"Movie {number}")
    return ada


def titles(actor: Actor, query: str = "") -> list[str]:
    return [movie["title"] for movie in actor.get(f"/movies{query}").json["items"]]


def numbered(first: int, last: int) -> list[str]:
    return [f"Movie {number}" for number in range(first, last - 1, -1)]


def test_an_empty_list_has_no_pages(ada: Actor) -> None:
    meta = {"page": 1, "limit": 20, "total": 0, "totalPages": 0}
    answer = ada.get("/movies")
    assert answer.status == 200
    assert answer.json == {"items": [], "meta": meta}
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_list_is_paged_newest_first(collector: Actor) -> None:
    assert titles(collector) == numbered(44, 25)
    assert titles(collector, "?page=2") == numbered(24, 5)
    assert titles(collector, "?page=3") == numbered(4, 0)
    assert titles(collector, "?page=2&limit=7") == numbered(37, 31)
    assert titles(collector, "?limit=100") == numbered(44, 0)
    meta = {"page": 2, "limit": 20, "total": 45, "totalPages": 3}
    assert collector.get("/movies?page=2").json["meta"] == meta


@pytest.mark.parametrize("page", [4, 2**31, 2**63, 2**64, 10**30, 10**1000])
def test_a_page_past_the_end_is_empty_and_tells_the_total(ada: Actor, page: int) -> None:
    ada.add_movie()
    meta = {"page": page, "limit": 20, "total": 1, "totalPages": 1}
    assert ada.get(f"/movies?page={page}").json == {"items": [], "meta": meta}


@pytest.mark.parametrize(
    ("total", "limit", "pages"), [(1, 1, 1), (3, 2, 2), (4, 2, 2), (5, 2, 3), (1, 100, 1)]
)
def test_total_pages_counts_the_last_one_in(ada: Actor, total: int, limit: int, pages: int) -> None:
    for _ in range(total):
        ada.add_movie()
    assert ada.get(f"/movies?limit={limit}").json["meta"]["totalPages"] == pages


def test_parameters_that_the_list_does_not_know_are_ignored(ada: Actor) -> None:
    ada.add_movie()
    assert titles(ada, "?rating=5&rating=6") == ["Heat"]
