"""Taking a list out as a file, and what comes back when it is brought in again."""

import csv
import io
from time import process_time
from unittest.mock import ANY

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import EnvironBuilder, run_wsgi_app

from playlist_api.api.fields import CONTROL_OR_SURROGATE, SPACES
from playlist_api.ops.metrics import registry
from playlist_api.transfer.writers import guarded, unguarded
from tests.support.service import Actor, Answer, InProcess, sign_up, sql

URL = "https://example.com/heat.jpg"
IN_USE = "database_connections_in_use"


def list_of(ada: Actor) -> list[tuple[str, str | None, str | None]]:
    """Titles, years and pictures in the order of the list."""
    movies = ada.get("/movies/export").json["movies"]
    return [(movie["title"], movie["year"], movie["imageUrl"]) for movie in movies]


def wipe(app: Flask, ada: Actor) -> None:
    sql(app, 'DELETE FROM "Movie" WHERE "ownerId" = :id', id=ada.user["id"])


def test_a_list_is_exported_as_json_unless_another_format_is_asked_for(ada: Actor) -> None:
    movies = [ada.add_movie("Heat", year="1995", imageUrl=URL), ada.add_movie("Ronin")]
    for path in ("/movies/export", "/movies/export?format=json"):
        answer = ada.get(path)
        assert answer.json == {"movies": movies}
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["Cache-Control"] == "no-store"
        disposition = 'attachment; filename="playlist-movies.json"'
        assert answer.headers["Content-Disposition"] == disposition


def test_a_list_is_exported_as_csv_for_spreadsheets(ada: Actor) -> None:
    heat = ada.add_movie('Heat, "the" one', year="1995", imageUrl=URL)
    formula = ada.add_movie('=HYPERLINK("x")')
    assert file_of(ada, "csv", "playlist-movies.csv") == (
        "\ufefftitle,year,imageUrl,createdAt\r\n"
        f'"Heat, ""the"" one",1995,{URL},{heat["createdAt"]}\r\n'
        f'"\'=HYPERLINK(""x"")",,,{formula["createdAt"]}\r\n'
    )


def test_a_list_is_exported_as_letterboxd_imports_it(ada: Actor) -> None:
    ada.add_movie("Amélie", year="2001", imageUrl=URL)
    ada.add_movie("Ronin")
    file = file_of(ada, "letterboxd", "playlist-letterboxd.csv")
    assert file == "Title,Year\r\nAmélie,2001\r\nRonin,\r\n"


def file_of(ada: Actor, format_: str, name: str) -> str:
    answer: Answer = ada.get(f"/movies/export?format={format_}")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    return str(answer.body.decode())


def test_a_spreadsheet_that_separates_by_semicolons_finds_no_formula_either(ada: Actor) -> None:
    title = 'a;=1+1;"b"'
    ada.add_movie(title, imageUrl="https://example.com/;=1+1;a=b")
    for format_ in ("csv", "letterboxd"):
        text = ada.get(f"/movies/export?format={format_}").body.decode()
        assert list(csv.reader(io.StringIO(text)))[1][0] == title
        for separator in ",;":
            rows = csv.reader(io.StringIO(text), delimiter=separator)
            assert not [cell for row in rows for cell in row if cell.startswith("=")]


@pytest.mark.parametrize("format_", ["json", "csv", "letterboxd"])
def test_an_export_of_nothing_is_a_list_of_nothing(eve: Actor, format_: str) -> None:
    file = eve.get(f"/movies/export?format={format_}").body
    assert eve.post("/movies/import", file).json["rows"] == []


@pytest.mark.parametrize("value", ["", "xml", "CSV", "csv&format=json", "%00"])
def test_no_other_format_is_written(witness: Actor, value: str) -> None:
    assert witness.get(f"/movies/export?format={value}").fields == {"format"}


@pytest.mark.parametrize("format_", ["json", "csv", "letterboxd"])
def test_a_list_of_many_movies_comes_back_as_it_was(app: Flask, eve: Actor, format_: str) -> None:
    rows = """INSERT INTO "Movie" (title, year, "imageUrl", "ownerId", "createdAt")
              SELECT 'Movie ' || n, (1900 + n % 100)::text, 'https://example.com/' || n, :user,
                     now() - n / 7 * interval '1 second'
              FROM generate_series(1, 1700) n"""
    sql(app, rows, user=eve.user["id"])
    before = list_of(eve)
    file = eve.get(f"/movies/export?format={format_}").body
    wipe(app, eve)
    assert eve.post("/movies/import", file).json["totals"]["created"] == 1700
    pictures = format_ != "letterboxd"
    assert list_of(eve) == [(title, year, url if pictures else None) for title, year, url in before]


def test_a_url_full_of_formulas_costs_csv_little_more_than_json(app: Flask, eve: Actor) -> None:
    url = "https://example.com/?" + ";=" * 1000
    eve.add_movie(imageUrl=url)
    rows = """INSERT INTO "Movie" (title, "imageUrl", "ownerId")
              SELECT title, "imageUrl", "ownerId" FROM "Movie", generate_series(1, 999)
              WHERE "ownerId" = :user"""
    sql(app, rows, user=eve.user["id"])

    def seconds(format_: str) -> float:
        headers = {"Authorization": f"Bearer {eve.token}"}
        started = process_time()
        sent = eve.service.send("GET", f"/movies/export?format={format_}", None, headers).body
        assert sent.count(b"%3B=" if format_ == "csv" else b";=") == 1000 * 1000
        return process_time() - started

    assert min(seconds("csv") for _ in range(3)) < 10 * min(seconds("json") for _ in range(3))


def test_movies_that_are_twice_on_a_list_come_back_once(app: Flask, eve: Actor) -> None:
    eve.add_movie("Heat", year="1995")
    eve.add_movie("HEAT!", year="1995")
    file = eve.get("/movies/export").body
    wipe(app, eve)
    assert eve.post("/movies/import", file).json["totals"]["duplicateInFile"] == 1
    assert list_of(eve) == [("Heat", "1995", None)]


def test_the_file_with_all_that_is_held_on_one_is_a_list_too(app: Flask, eve: Actor) -> None:
    eve.add_movie("Heat", year="1995", imageUrl=URL)
    file = eve.get("/me/export").body
    wipe(app, eve)
    assert eve.post("/movies/import", file).json["format"] == "json"
    assert list_of(eve) == [("Heat", "1995", URL)]


beginnings = st.text(st.sampled_from("'=+-@\"“,;\t\uff1d\uff20 x"), max_size=4)
texts = st.builds(str.__add__, beginnings, st.text(max_size=20))
good_titles = texts.map(lambda title: CONTROL_OR_SURROGATE.sub("", title).strip(SPACES)).filter(
    bool
)
years = st.none() | st.from_regex(r"[0-9]{4}", fullmatch=True)


@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(movies=st.lists(st.tuples(good_titles, years), min_size=1, max_size=50))
def test_whatever_is_on_a_list_comes_back_by_every_format(
    app: Flask, witness_of_exports: Actor, movies: list[tuple[str, str | None]]
) -> None:
    ada = witness_of_exports
    wipe(app, ada)
    fields = [{"title": title, "year": year} for title, year in movies]
    first = ada.post("/movies/import", {"movies": fields}).json
    assert first["totals"]["refused"] == 0
    before = list_of(ada)
    for format_ in ("json", "csv", "letterboxd"):
        file = ada.get(f"/movies/export?format={format_}").body
        wipe(app, ada)
        ada.post("/movies/import", file)
        assert list_of(ada) == before


@pytest.fixture(scope="module")
def witness_of_exports(app: Flask) -> Actor:
    return sign_up(InProcess(app))


@given(st.text())
def test_a_guarded_cell_is_no_formula_and_is_always_undone(cell: str) -> None:
    assert unguarded(guarded(cell)) == cell
    assert not guarded(cell).startswith(tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"))


@pytest.mark.parametrize("title", ["'71", "'Til We Meet Again", "Heat", "7", ""])
def test_what_is_no_formula_is_left_alone(title: str) -> None:
    assert guarded(title) == unguarded(title) == title


def test_titles_of_other_services_are_left_alone(eve: Actor) -> None:
    file = b"title,year,tmdbId,imdbId,addedAt\n'-30-,1959,1,tt1,x\n"
    assert eve.post("/movies/import", file).json["rows"][0]["title"] == "'-30-"


def test_no_connection_waits_for_whoever_reads_slowly(app: Flask, eve: Actor) -> None:
    rows = """INSERT INTO "Movie" (title, "ownerId")
              SELECT 'Movie ' || n, :user FROM generate_series(1, 1200) n"""
    sql(app, rows, user=eve.user["id"])
    headers = [("Authorization", f"Bearer {eve.token}")]
    environ = EnvironBuilder(path="/movies/export?format=csv", headers=headers).get_environ()
    content, status, _ = run_wsgi_app(app.wsgi_app, environ)
    read = [next(iter(content))]
    assert status.startswith("200")
    for pool in ("statements", "transactions"):
        assert registry.get_sample_value(IN_USE, {"pool": pool}) == 0
    eve.post("/movies", {"title": "added meanwhile"})
    read += content
    (header, *movies) = csv.reader(io.StringIO(b"".join(read).decode(), newline=""))
    assert header == ["\ufefftitle", "year", "imageUrl", "createdAt"]
    assert [movie[0] for movie in movies] == [*(f"Movie {n}" for n in range(1, 1201)), ANY]
