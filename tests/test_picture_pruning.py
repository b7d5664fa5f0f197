"""`flask media prune`: what is deleted, what never is, and what comes in meanwhile."""

import os
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

import obstore
import pytest
from flask import Flask
from PIL import Image
from sqlalchemy import text

from dev.processes import eventually
from playlist_api.app import create_app
from playlist_api.db.engine import db
from playlist_api.posters import pruning as picture_pruning
from playlist_api.posters.images import Picture, reencode
from playlist_api.posters.media import Media
from playlist_api.posters.storage import Folder
from tests.support.backups import Place, bucket_of
from tests.support.pictures import POSTER, data_url, written
from tests.support.s3 import S3, s3
from tests.support.service import (
    Actor,
    InProcess,
    before_statement,
    elsewhere,
    environment,
    sign_up,
    sql,
)

WAITS = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")


@dataclass(frozen=True)
class Service:
    """An application with pictures of its own, and somebody on it."""

    app: Flask
    ada: Actor
    place: Place
    poster: str

    @property
    def files(self) -> list[str]:
        return self.place.files

    def add(self, picture: str = "") -> Any:
        return self.ada.add_movie(imageUrl=picture or self.poster)

    def drop(self, *movies: Any) -> None:
        for movie in movies:
            assert self.ada.delete(f"/movies/{movie['id']}").status == 204

    def prune(self) -> str:
        ran = self.app.test_cli_runner().invoke(args=["media", "prune"])
        assert ran.exit_code == 0, ran.output
        return ran.stdout

    @property
    def names(self) -> list[str]:
        """Of which pictures there are rows."""
        return list(self._rows('SELECT name FROM "Picture" WHERE "ownerId" = :user'))

    def prune_a_day_later(self) -> str:
        """Note what no movie shows any more, and prune again when a day has passed."""
        self.prune()
        self.pass_a_day()
        return self.prune()

    def pass_a_day(self) -> None:
        self._rows("""UPDATE "Picture" SET "unusedSince" = "unusedSince" - interval '1 day'
                      WHERE "ownerId" = :user RETURNING name""")

    def forget(self) -> None:
        """Have no row name any picture, as when its owner has left."""
        self._rows('DELETE FROM "Picture" WHERE "ownerId" = :user RETURNING name')

    def _rows(self, statement: str) -> list[str]:
        return [name for (name,) in sql(self.app, statement, user=self.ada.user["id"])]


def noise() -> bytes:
    """A picture like which there is no other one."""
    return written(Image.frombytes("L", (40, 60), os.urandom(2400)), "PNG")


def serving(database_url: str, place: Place) -> Service:
    app = create_app(environment(database_url, MEDIA_STORAGE=place.url))
    return Service(app, sign_up(InProcess(app)), place, data_url(noise(), "image/png"))


@pytest.fixture
def service(database_url: str, place: Place) -> Service:
    return serving(database_url, place)


@pytest.fixture
def in_folder(database_url: str, folder: Place) -> Service:
    return serving(database_url, folder)


def name_of(movie: Any) -> str:
    return str(movie["imageUrl"]).rpartition("/")[2]


def both(movie: Any) -> list[str]:
    name = name_of(movie)
    return sorted([name, name.partition(".")[0] + "-400.webp"])


def test_a_picture_goes_a_day_after_the_last_movie_that_showed_it(service: Service) -> None:
    movie, other = service.add(), service.add()
    kept = service.add(data_url(noise(), "image/png"))
    service.prune()
    service.pass_a_day()
    service.drop(movie)
    service.prune()
    service.pass_a_day()
    assert set(service.files) == {*both(other), *both(kept)}
    service.drop(other)
    assert service.prune().endswith("Files: 0 deleted\n")
    assert set(service.files) == {*both(other), *both(kept)}
    service.pass_a_day()
    assert service.prune().endswith("Files: 2 deleted\n")
    assert service.files == both(kept)


def test_what_is_shown_again_within_the_day_stays(in_folder: Service) -> None:
    movie = in_folder.add()
    path = f"/movies/{movie['id']}"
    in_folder.ada.patch(path, {"imageUrl": None})
    in_folder.prune()
    in_folder.ada.put(path, movie)
    in_folder.pass_a_day()
    in_folder.prune()
    in_folder.pass_a_day()
    assert in_folder.files == both(movie)


def test_a_picture_stays_as_long_as_anybody_shows_it(in_folder: Service) -> None:
    movie, bob = in_folder.add(), sign_up(InProcess(in_folder.app))
    shown = bob.add_movie(imageUrl=movie["imageUrl"])
    in_folder.forget()
    in_folder.drop(movie)
    assert in_folder.prune().endswith("Files: 0 deleted\n")
    assert in_folder.files == both(movie)
    bob.delete(f"/movies/{shown['id']}")
    in_folder.prune()
    assert in_folder.files == []


def test_it_does_not_matter_at_which_address_a_picture_is_shown(
    in_folder: Service, database_url: str
) -> None:
    url = "https://cdn.example.com/pictures"
    moved = create_app(environment(database_url, MEDIA_STORAGE=in_folder.place.url, MEDIA_URL=url))
    ada = sign_up(InProcess(moved))
    movie = ada.add_movie(imageUrl=in_folder.poster)
    assert movie["imageUrl"].startswith(f"{url}/")
    in_folder.prune_a_day_later()
    assert in_folder.files == both(movie)


def test_the_files_of_an_account_that_is_deleted_go_with_the_next_pruning(service: Service) -> None:
    service.add()
    service.ada.delete("/me", {"currentPassword": service.ada.password})
    service.prune()
    assert service.files == []


def test_the_pictures_of_all_users_are_gone_through_in_batches(
    in_folder: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picture_pruning, "PICTURE_BATCH", 4)
    pictures = [data_url(noise(), "image/png") for _ in range(9)]
    movies = [in_folder.add(picture) for picture in pictures]
    in_folder.drop(*movies[1:])
    in_folder.prune_a_day_later()
    assert in_folder.files == both(movies[0])


def test_only_what_is_the_services_own_is_deleted(in_folder: Service) -> None:
    in_folder.place.write("notes.txt", b"mine")
    lonely = "0" * 64 + "-400.webp"
    in_folder.place.write(lonely, b"small")
    old, young = ("1" * 64 + f".png.{n}.partial" for n in ("0a1b2c3d", "4e5f6a7b"))
    for name in (old, young):
        in_folder.place.write(name, b"half")
    os.utime(Path(in_folder.place.url, old), (0, 0))
    in_folder.prune()
    assert set(in_folder.files) == {"notes.txt", young}


def test_a_picture_that_is_sent_just_before_its_file_would_be_deleted_stays(
    in_folder: Service,
) -> None:
    movie = in_folder.add()
    in_folder.drop(movie)
    in_folder.forget()
    before_statement(in_folder.app, "pg_advisory_xact_lock", lambda: elsewhere(in_folder.add))
    assert in_folder.prune().endswith("Files: 0 deleted\n")
    assert in_folder.files == both(movie)


def test_a_picture_that_is_sent_while_its_file_is_deleted_is_written_again(
    in_folder: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    movie = in_folder.add()
    in_folder.drop(movie)
    in_folder.forget()
    delete, sending = Folder.delete, Thread(target=in_folder.add)

    def slow(storage: Folder, name: str) -> None:
        if not sending.ident:
            sending.start()
            with in_folder.app.app_context():
                eventually(lambda: db.session.scalar(WAITS), "the sender waits")
        delete(storage, name)

    monkeypatch.setattr(Folder, "delete", slow)
    assert in_folder.prune().endswith("Files: 2 deleted\n")
    sending.join()
    assert in_folder.files == both(movie)


def test_a_picture_that_is_sent_again_while_its_row_is_looked_at_keeps_it(
    in_folder: Service,
) -> None:
    movie = in_folder.add()
    in_folder.drop(movie)
    in_folder.prune()
    in_folder.pass_a_day()
    before_statement(in_folder.app, 'DELETE FROM "Picture"', lambda: elsewhere(in_folder.add))
    in_folder.prune()
    in_folder.prune()
    assert in_folder.files == both(movie)
    assert in_folder.names == [name_of(movie)]


def test_two_who_prune_at_once_do_each_other_no_harm(service: Service) -> None:
    kept, movie = service.add(), service.add(data_url(noise(), "image/png"))
    service.drop(movie)
    service.prune()
    service.pass_a_day()
    threads = [Thread(target=service.prune) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert service.files == both(kept)


def test_the_same_picture_may_be_written_twice_at_once(
    in_folder: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = reencode(noise(), "PNG")
    assert isinstance(picture, Picture)
    media: Media = in_folder.app.extensions["media"]
    monkeypatch.setattr(Folder, "has", lambda *_: False)
    with media.storage.write(picture.name) as write:
        write(picture.content[:1000])
        media.keep(picture.files)
        write(picture.content[1000:])
    assert Path(in_folder.place.url, picture.name).read_bytes() == picture.content
    assert len(in_folder.files) == 2


def test_a_bucket_serves_pictures_as_nginx_does(
    database_url: str, s3_server: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = serving(database_url, bucket_of(s3_server, tmp_path, monkeypatch))
    movie = service.add()
    service.add()
    assert service.files == both(movie)
    store = service.app.extensions["media"].storage.store
    for name, media_type in zip(both(movie), ("image/webp", "image/png"), strict=True):
        headers = obstore.get(store, name).attributes
        assert headers["Content-Type"] == media_type
        assert headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert headers["Content-Disposition"] == "inline"


def test_a_bucket_that_is_away_is_said_to_be(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with s3() as server:
        service = serving(database_url, bucket_of(server, tmp_path, monkeypatch))
        movie = service.add()
    answer = service.ada.post("/movies", {"title": "Ronin", "imageUrl": POSTER})
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert service.ada.put(f"/movies/{movie['id']}", movie).status == 200
    ran = service.app.test_cli_runner().invoke(args=["media", "prune"])
    assert ran.exit_code == 1
    assert ran.stderr.startswith("Error: The storage of pictures is away: ")
    assert len(ran.stderr.splitlines()) == 1


def test_without_a_storage_there_is_nothing_to_prune(database_url: str) -> None:
    app = create_app(environment(database_url, APP_ENV="production", MEDIA_STORAGE=""))
    ran = app.test_cli_runner().invoke(args=["media", "prune"])
    assert (ran.exit_code, ran.stdout) == (0, "MEDIA_STORAGE is not set: there are no pictures.\n")
