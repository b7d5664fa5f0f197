"""Pictures of movies that come with the movie: as `data:` URLs, from whom, and where they go."""

import os
import stat
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from flask import Flask
from PIL import Image

from playlist_api.app import create_app
from playlist_api.errors import Problem
from playlist_api.movies import service as movies
from playlist_api.posters import service as pictures
from playlist_api.posters.images import BROKEN, MISNAMED, NO_PICTURE
from playlist_api.posters.schemas import NO_BASE64, TOO_LARGE
from tests.support.pictures import FORMATS, POSTER, data_url, file_of, opened, padded, written
from tests.support.service import (
    MEDIA,
    PASSWORD,
    Actor,
    Answer,
    InProcess,
    elsewhere,
    environment,
    sign_up,
    sql,
)
from tests.test_races import at_once

MEDIA_URL = "http://localhost:3001/media/"
ANOTHER = data_url(file_of("PNG", 40, 60), "image/png")


def problem(answer: Answer) -> str:
    assert answer.fields == {"imageUrl"}
    (detail,) = answer.error["details"]
    return str(detail["message"])


def held(app: Flask, actor: Actor) -> list[str]:
    """The names of the pictures that count for somebody."""
    rows = """SELECT name FROM "Picture" WHERE "ownerId" = :user ORDER BY name"""
    return [name for (name,) in sql(app, rows, user=actor.user["id"])]


def fetched(actor: Actor, url: str) -> Answer:
    assert url.startswith(MEDIA_URL)
    answer: Answer = actor.get(urlsplit(url).path, token=None)
    return answer


def small(url: str) -> str:
    return url.rpartition(".")[0] + "-400.webp"


@pytest.mark.parametrize("picture_format", FORMATS)
def test_a_picture_that_is_sent_is_served_with_a_small_one(ada: Actor, picture_format: str) -> None:
    media_type = f"image/{picture_format.lower()}"
    movie = ada.add_movie(imageUrl=data_url(file_of(picture_format), media_type))
    url = movie["imageUrl"]
    assert ada.get(f"/movies/{movie['id']}").json == movie
    for address, width, content_type in ((url, 600, media_type), (small(url), 400, "image/webp")):
        answer = fetched(ada, address)
        assert (answer.status, answer.headers["Content-Type"]) == (200, content_type)
        assert opened(answer.body).width == width
    assert url.endswith(f".{FORMATS[picture_format]}")


def test_pictures_may_be_kept_for_ever_and_shown_everywhere_but_do_nothing(ada: Actor) -> None:
    answer = fetched(ada, ada.add_movie(imageUrl=POSTER)["imageUrl"])
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert answer.headers["Content-Security-Policy"] == (
        "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; sandbox"
    )
    assert answer.headers["Content-Disposition"] == "inline"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Set-Cookie" not in answer.headers
    path = urlsplit(ada.add_movie(imageUrl=POSTER)["imageUrl"]).path
    assert ada.get(path, If_None_Match=answer.headers["ETag"]).status == 304


NO_NAMES = [
    *("0" * 64 + end for end in (".png", "-400.webp", "-400.png", "", ".svg", ".PNG")),
    *("0" * 64 + ".png.0a1b2c3d.partial", "0" * 63 + ".png", "x.png", "", "0" * 3000),
    *("..%2F..%2Fetc%2Fpasswd", "../secret_key", "%00"),
]


@pytest.mark.parametrize("name", NO_NAMES)
def test_nothing_else_is_served(eve: Actor, name: str) -> None:
    answer = eve.get(f"/media/{name}")
    assert (answer.status, answer.error["code"]) == (404, "NOT_FOUND")
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_movie_gets_a_picture_another_one_and_none(ada: Actor, method: str) -> None:
    path = f"/movies/{ada.add_movie()['id']}"
    first = ada.call(method, path, {"imageUrl": POSTER}).json["imageUrl"]
    second = ada.call(method, path, {"imageUrl": ANOTHER}).json["imageUrl"]
    assert first != second
    assert fetched(ada, first).status == fetched(ada, second).status == 200
    assert ada.call(method, path, {"imageUrl": None}).json["imageUrl"] is None


def test_a_fetched_movie_can_be_put_back_whole(eve: Actor) -> None:
    movie = eve.add_movie(imageUrl=POSTER)
    assert eve.put(f"/movies/{movie['id']}", movie).json["imageUrl"] == movie["imageUrl"]


def test_a_type_may_be_written_in_any_case(eve: Actor) -> None:
    shouted = POSTER.replace("data:image/jpeg;base64", "DATA:Image/JPEG;BASE64")
    assert eve.add_movie(imageUrl=shouted)["imageUrl"] == eve.add_movie(imageUrl=POSTER)["imageUrl"]


REFUSED: dict[str, str] = {
    "nothing": "data:",
    "no type": "data:,Heat",
    "no base64": "data:image/jpeg,Heat",
    "no content": "data:image/jpeg;base64,",
    "a parameter": POSTER.replace(";base64", ";charset=utf-8;base64"),
    "a space in front": POSTER.replace("base64,", "base64, "),
    "a space at the end": POSTER + " ",
    "a line break": POSTER[:100] + "\n" + POSTER[100:],
    "no padding": data_url(file_of("JPEG", 40, 60)[:-1]).rstrip("="),
    "too much padding": POSTER + "==",
    "base64url": POSTER.replace("/", "_").replace("+", "-"),
    "other letters": POSTER[:100] + "é" + POSTER[101:],
    "a surrogate": POSTER[:100] + "\ud800" + POSTER[101:],
    "text": data_url(b"Heat"),
    "SVG": data_url(b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml"),
    "SVG as PNG": data_url(b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/png"),
    "a JPEG as PNG": data_url(file_of("JPEG", 40, 60), "image/png"),
    "a type of no such name": data_url(file_of("JPEG", 40, 60), "image/jpg"),
    "cut off": data_url(file_of("JPEG", 40, 60)[:-100]),
    "a byte too long": data_url(padded(2 * 1024 * 1024 + 1)),
    "far too long": "data:image/jpeg;base64," + "A" * 3_000_000,
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_picture_is_refused_by_its_field(app: Flask, eve: Actor, case: str) -> None:
    before = set(MEDIA.iterdir()) if MEDIA.exists() else set()
    assert problem(eve.post("/movies", {"title": "Heat", "imageUrl": REFUSED[case]}))
    assert problem(eve.patch("/movies/1", {"imageUrl": REFUSED[case]}))
    assert eve.get("/movies").json["meta"]["total"] == 0
    assert held(app, eve) == []
    assert (set(MEDIA.iterdir()) if MEDIA.exists() else set()) == before


@pytest.mark.parametrize(
    ("case", "told"),
    [
        *(("text", NO_PICTURE), ("SVG", NO_PICTURE), ("cut off", BROKEN)),
        *(("a JPEG as PNG", MISNAMED), ("a byte too long", TOO_LARGE), ("far too long", TOO_LARGE)),
        ("a space at the end", NO_BASE64),
    ],
)
def test_it_is_said_what_is_wrong(eve: Actor, case: str, told: Problem) -> None:
    answer = eve.post("/movies", {"title": "Heat", "imageUrl": REFUSED[case]})
    assert problem(answer) == told.of("imageUrl")["message"]


def test_a_picture_of_two_mebibytes_is_taken(ada: Actor) -> None:
    assert ada.add_movie(imageUrl=data_url(padded(2 * 1024 * 1024)))["imageUrl"]


def test_only_movies_may_have_more_than_64_kibibytes(ada: Actor) -> None:
    assert ada.patch("/me", b'{"name": "Ada"}'.ljust(64 * 1024 + 1)).status == 413


def test_who_may_not_change_a_movie_leaves_nothing_behind(app: Flask, eve: Actor) -> None:
    mallory, path = sign_up(InProcess(app)), f"/movies/{eve.add_movie()['id']}"
    unique = data_url(file_of("PNG", 41, 61), "image/png")
    for body, status in ((REFUSED["text"], 400), (unique, 403)):
        assert mallory.patch(path, {"imageUrl": body}).status == status
        assert mallory.patch(path, {"imageUrl": body}, token="x").status == 401
    assert mallory.patch("/movies/999999999", {"imageUrl": unique}).status == 404
    assert eve.patch(path, {"imageUrl": unique}, If_Match='"x"').status == 412
    mallory.post("/auth/logout")
    for body in (REFUSED["text"], unique):
        assert mallory.post("/movies", {"title": "Heat", "imageUrl": body}).status == 401
    assert held(app, mallory) == held(app, eve) == []


def test_a_picture_that_an_admin_gives_a_movie_is_its_owners(app: Flask, eve: Actor) -> None:
    admin, movie = sign_up(InProcess(app)), eve.add_movie()
    app.test_cli_runner().invoke(args=["users", "promote", admin.email])
    url = admin.patch(f"/movies/{movie['id']}", {"imageUrl": POSTER}).json["imageUrl"]
    assert held(app, eve) == [url.rpartition("/")[2]]
    assert held(app, admin) == []


def test_a_repeated_call_gets_the_first_answer_and_stores_nothing_more(
    app: Flask, ada: Actor
) -> None:
    body, key = {"title": "Heat", "imageUrl": POSTER}, str(uuid4())
    first = ada.post("/movies", body, Idempotency_Key=key)
    again = ada.post("/movies", body, Idempotency_Key=key)
    assert (again.status, again.body) == (201, first.body)
    assert len(held(app, ada)) == 1
    other = ada.post("/movies", {**body, "imageUrl": ANOTHER}, Idempotency_Key=key)
    assert other.status == 409
    assert ada.get("/movies").json["meta"]["total"] == 1


def test_two_who_send_the_same_share_a_file_that_counts_for_both(app: Flask, eve: Actor) -> None:
    bob = sign_up(InProcess(app))
    url = eve.add_movie(imageUrl=POSTER)["imageUrl"]
    file = MEDIA / url.rpartition("/")[2]
    before = file.stat().st_mtime_ns
    assert bob.add_movie(imageUrl=POSTER)["imageUrl"] == url
    assert file.stat().st_mtime_ns == before
    assert held(app, eve) == held(app, bob) == [file.name]


def test_everybody_can_read_a_picture_and_nobody_an_unfinished_one(eve: Actor) -> None:
    name = eve.add_movie(imageUrl=POSTER)["imageUrl"].rpartition("/")[2]
    for file in (name, small(name)):
        assert stat.S_IMODE((MEDIA / file).stat().st_mode) == 0o644
    assert not list(MEDIA.glob("*.partial"))


@pytest.fixture
def poor(database_url: str) -> Actor:
    """Somebody with room for half a mebibyte."""
    app = create_app(environment(database_url, MEDIA_QUOTA="1"))
    app.extensions["media"] = replace(app.extensions["media"], quota=512 * 1024)
    return sign_up(InProcess(app))


def big(number: int) -> str:
    """A picture of 150 kB that nothing compresses, and no other one is like it."""
    noise = Image.frombytes("L", (400, 375), bytes([number]) + os.urandom(149_999))
    return data_url(written(noise, "PNG"), "image/png")


def test_a_user_has_a_quota(poor: Actor) -> None:
    pictures = [big(number) for number in range(4)]
    answers = [poor.post("/movies", {"title": "Heat", "imageUrl": each}) for each in pictures]
    assert [answer.status for answer in answers] == [201, 201, 400, 400]
    assert "does not fit" in problem(answers[2])
    assert poor.post("/movies", {"title": "Heat", "imageUrl": pictures[0]}).status == 201
    assert poor.post("/movies", {"title": "Heat"}).status == 201


def test_racing_calls_pass_no_quota(poor: Actor) -> None:
    movies = [{"title": "Heat", "imageUrl": big(number)} for number in range(6)]
    answers = at_once(*(partial(poor.post, "/movies", movie) for movie in movies))
    assert sorted(answer.status for answer in answers) == [201, 201, 400, 400, 400, 400]


def test_what_is_held_is_in_the_export_and_goes_with_the_account(app: Flask, ada: Actor) -> None:
    url = ada.add_movie(imageUrl=POSTER)["imageUrl"]
    (picture,) = ada.get("/me/export").json["pictures"]
    files = [fetched(ada, each).body for each in (url, small(url))]
    assert picture["name"] == url.rpartition("/")[2]
    assert picture["bytes"] == sum(map(len, files))
    assert picture["createdAt"].endswith("Z")
    ada.delete("/me", {"currentPassword": PASSWORD})
    assert held(app, ada) == []


def test_without_a_storage_pictures_are_refused_and_urls_are_not(database_url: str) -> None:
    settings = {"APP_ENV": "production", "MEDIA_STORAGE": "", "PASSWORD_BLOCKLIST": "false"}
    ada = sign_up(InProcess(create_app(environment(database_url, **settings))))
    answer = ada.post("/movies", {"title": "Heat", "imageUrl": POSTER})
    assert problem(answer) == "Picture must be an http or https URL: pictures are not kept here."
    assert ada.add_movie(imageUrl="https://example.com/heat.jpg")


def test_when_the_storage_is_away_a_picture_is_refused_for_now_and_all_else_goes_on(
    database_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app = create_app(environment(database_url, MEDIA_STORAGE=str(tmp_path / "away" / "media")))
    ada = sign_up(InProcess(app))
    path = f"/movies/{ada.add_movie()['id']}"
    for _ in range(2):
        for answer in (
            ada.post("/movies", {"title": "Ronin", "imageUrl": POSTER}),
            ada.patch(path, {"imageUrl": POSTER}),
        ):
            assert (answer.status, answer.error["code"]) == (503, "SERVICE_UNAVAILABLE")
            assert answer.headers["Retry-After"] == "5"
    assert "The storage of pictures is away" in caplog.text
    assert ada.get("/movies").json["meta"]["total"] == 1
    (tmp_path / "away").mkdir()
    assert ada.patch(path, {"imageUrl": POSTER}).status == 200


def test_an_owner_who_leaves_meanwhile_gets_no_picture(
    eve: Actor, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin, movie = sign_up(InProcess(app)), eve.add_movie()
    app.test_cli_runner().invoke(args=["users", "promote", admin.email])
    keep = pictures.keep_picture

    def leaving(*arguments: Any) -> Any:
        assert elsewhere(eve.delete, "/me", {"currentPassword": PASSWORD}).status == 204
        return keep(*arguments)

    monkeypatch.setattr(movies, "keep_picture", leaving)
    assert admin.patch(f"/movies/{movie['id']}", {"imageUrl": POSTER}).status == 404
