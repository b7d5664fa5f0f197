"""Movies: making, reading, changing and deleting one, and the list page by page."""

import socket
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from playlist_api.api.identity import Identity
from playlist_api.db.engine import db
from playlist_api.movies import service as movies
from playlist_api.movies.schemas import MOVIE_FIELDS, movie_schema
from tests.support.service import Actor, before_statement, elsewhere

MOVIE = {"id", "title", "year", "imageUrl", "ownerId", "createdAt", "updatedAt"}
HEAT = {"title": "Heat", "year": "1995", "imageUrl": "https://example.com/heat.jpg"}

TITLES = [
    *("x", "x" * 255, "🎬" * 255, "七人の侍", "الرسالة", "<script>alert(1)</script>"),
    *("'; DROP TABLE --", "\\", "%_", "a\u200db"),
]

URLS = [
    *("http://example.com", "https://example.com/a?b=c#d", "HTTPS://EXAMPLE.COM/X.PNG"),
    *("http://localhost:9000/heat.jpg", "http://a.b/c", "http://my_host/heat.jpg"),
    *(
        "http://[::ffff:1.2.3.4]/heat.jpg",
        "http://[::1]:8080/heat.jpg",
        "http://127.0.0.1/heat.jpg",
    ),
    *(
        "http://minio:9000/heat.jpg",
        "https://example.com/映画.jpg",
        "https://bücher.example/heat.jpg",
    ),
    "https://example.com/".ljust(2048, "x"),
]


def test_a_new_movie_is_returned_with_its_place(ada: Actor) -> None:
    answer = ada.post("/movies", HEAT)
    movie = answer.json
    assert answer.status == 201
    assert movie.keys() == movie_schema.names.keys() >= MOVIE
    assert isinstance(movie["id"], int)
    assert {name: movie[name] for name in HEAT} == HEAT
    assert movie["ownerId"] == ada.user["id"]
    assert movie["createdAt"] == movie["updatedAt"]
    assert answer.headers["Location"] == f"/movies/{movie['id']}"
    assert ada.get(answer.headers["Location"]).json == movie


@pytest.mark.parametrize("absent", [{}, {"year": None, "imageUrl": None}])
def test_year_and_picture_are_optional(ada: Actor, absent: dict[str, None]) -> None:
    movie = ada.add_movie("Heat", **absent)
    assert (movie["year"], movie["imageUrl"]) == (None, None)


@pytest.mark.parametrize("title", TITLES)
def test_a_title_comes_back_as_it_was_sent(ada: Actor, title: str) -> None:
    assert ada.add_movie(title)["title"] == title


def test_a_title_loses_the_spaces_around_it(ada: Actor) -> None:
    assert ada.add_movie(" \u3000 In  the Mood \u00a0")["title"] == "In  the Mood"
    assert ada.add_movie("\tIn the Mood\r\n")["title"] == "In the Mood"
    assert ada.add_movie(" " * 300 + "x" * 255)["title"] == "x" * 255


@pytest.mark.parametrize("year", ["0000", "1895", "9999"])
def test_any_four_digits_are_a_year(ada: Actor, year: str) -> None:
    assert ada.add_movie(year=year)["year"] == year


@pytest.mark.parametrize("url", URLS)
def test_a_picture_has_an_http_or_https_url(ada: Actor, url: str) -> None:
    assert ada.add_movie(imageUrl=url)["imageUrl"] == url


def test_a_pictures_address_is_never_fetched(ada: Actor) -> None:
    with socket.create_server(("127.0.0.1", 0)) as host:
        host.setblocking(False)
        url = f"http://127.0.0.1:{host.getsockname()[1]}/heat.jpg"
        path = f"/movies/{ada.add_movie(imageUrl=url)['id']}"
        assert ada.patch(path, {"imageUrl": f"{url}?2"}).status == 200
        file = f"title,imageUrl\nRonin,{url}\n".encode()
        assert ada.post("/movies/import", file).json["totals"]["created"] == 1
        assert url in ada.get("/movies/export").body.decode()
        with pytest.raises(BlockingIOError):
            host.accept()


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize(
    "changes",
    [
        *({}, {"title": "Ronin"}, {"year": "1998"}, {"year": None}, {"imageUrl": None}),
        {"title": "Ronin", "year": None, "imageUrl": None},
    ],
)
def test_changes_keep_what_they_leave_out(ada: Actor, method: str, changes: dict[str, Any]) -> None:
    movie = ada.add_movie(**HEAT)
    answer = ada.call(method, f"/movies/{movie['id']}", changes)
    assert answer.status == 200
    assert {name: answer.json[name] for name in HEAT} == {**HEAT, **changes}
    assert ada.get(f"/movies/{movie['id']}").json == answer.json


def test_a_change_is_dated(ada: Actor) -> None:
    movie = ada.add_movie()
    changed = ada.put(f"/movies/{movie['id']}", {"title": "Ronin"}).json
    assert changed["createdAt"] == movie["createdAt"]
    assert changed["updatedAt"] > movie["updatedAt"]


def test_what_is_not_a_clients_to_set_is_ignored(ada: Actor, bob: Actor) -> None:
    forged = {"id": 1, "ownerId": bob.user["id"], "createdAt": "2000-01-01T00:00:00Z"}
    forged |= {"updatedAt": None, "rating": 5, "__proto__": {"role": "admin"}, "\ud800": "x"}
    movie = ada.add_movie(**forged)
    assert movie["ownerId"] == ada.user["id"]
    assert not movie["createdAt"].startswith("2000")
    assert ada.put(f"/movies/{movie['id']}", forged).json == movie


def test_a_deleted_movie_is_gone(ada: Actor) -> None:
    path = f"/movies/{ada.add_movie()['id']}"
    answer = ada.delete(path)
    assert (answer.status, answer.body) == (204, b"")
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        gone = ada.call(method, path, {} if method in {"PUT", "PATCH"} else None)
        assert (gone.status, gone.error["code"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_somebody_elses_movie_is_forbidden_and_stays_as_it_is(
    ada: Actor, bob: Actor, method: str
) -> None:
    movie = ada.add_movie(**HEAT)
    path = f"/movies/{movie['id']}"
    body = {"title": "Mine"} if method in {"PUT", "PATCH"} else None
    answer = bob.call(method, path, body)
    assert (answer.status, answer.error["code"]) == (403, "FORBIDDEN")
    assert ada.get(path).json == movie


def test_nobody_can_hold_up_a_change_of_what_is_not_theirs(
    app: Flask, ada: Actor, bob: Actor
) -> None:
    movie = ada.add_movie()
    lock = text('SELECT FROM "Movie" WHERE id = :id FOR UPDATE')
    with app.app_context(), db.engine.connect() as connection:
        connection.execute(lock, {"id": movie["id"]})
        # Bob's request would wait for this lock if it took one.
        answer = bob.put(f"/movies/{movie['id']}", {"title": "Mine"})
        connection.rollback()
    assert answer.status == 403


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_a_movie_that_is_deleted_just_before_it_is_locked_is_gone(
    app: Flask, eve: Actor, method: str
) -> None:
    path = f"/movies/{eve.add_movie()['id']}"
    before_statement(app, "FOR UPDATE", lambda: elsewhere(eve.delete, path))
    answer = eve.call(method, path, {"title": "Ronin"} if method == "PUT" else None)
    assert (answer.status, answer.error["code"]) == (404, "NOT_FOUND")


def test_head_answers_like_get_without_a_body(ada: Actor) -> None:
    path = f"/movies/{ada.add_movie()['id']}"
    answer = ada.call("HEAD", path)
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["Content-Length"] == ada.get(path).headers["Content-Length"]


def test_a_title_that_the_database_alone_refuses_is_a_bug(app: Flask, ada: Actor) -> None:
    caller = Identity(ada.user["id"], ada.get("/auth/sessions").json["items"][0]["id"])
    with app.app_context(), pytest.raises(IntegrityError):
        movies.create_movie(caller, {**dict.fromkeys(MOVIE_FIELDS), "title": ""})


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
