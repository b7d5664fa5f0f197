"""Operators' commands."""

import re
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from playlist_api.app import create_app
from playlist_api.db.engine import db
from playlist_api.transfer import service as lists
from tests.conftest import Databases
from tests.support.service import ROOT, Actor, InProcess, environment, sign_up

SAMPLE = ROOT / "tests" / "data" / "movies.csv"


def import_movies(app: Flask, file: Path, email: str, *options: str) -> Result:
    command = ["movies", "import", str(file), "--email", email, *options]
    return app.test_cli_runner().invoke(args=command)


def told(eve: Actor, *, created: int, in_list: int = 0, in_file: int = 0, refused: int = 0) -> str:
    """What the command says at its end."""
    return (
        f"{created} movies imported for {eve.email}, {in_list} on the list already,"
        f" {in_file} twice in the file, 0 rows skipped, {refused} rows refused.\n"
    )


def csv(folder: Path, content: str | bytes) -> Path:
    file = folder / "list.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def test_a_file_of_movies_is_put_on_a_list(app: Flask, eve: Actor) -> None:
    result = import_movies(app, SAMPLE, eve.email.upper())
    assert result.exit_code == 0, result.output
    assert result.stdout == told(eve, created=200)
    page = eve.get("/movies?limit=2").json
    assert page["meta"]["total"] == 200
    titles = SAMPLE.read_text().splitlines()
    assert [f"{movie['title']},{movie['year']}" for movie in page["items"]] == titles[:-3:-1]


def test_refused_rows_are_told_with_their_line_and_reason(
    app: Flask, eve: Actor, tmp_path: Path
) -> None:
    rows = (
        'title,year,imageUrl,x\n"Seven\x07\nSamurai",1954\nHeat,199x,ftp://x,\n,1995\nRonin,,,y,z\n'
    )
    result = import_movies(app, csv(tmp_path, rows.replace("\n", "\r\n")), eve.email)
    assert result.exit_code == 0, result.output
    assert re.findall("line .*", result.stderr) == [
        "line 2: Title must not contain control characters.",
        "line 4: Year must be a year of four digits. Picture must be an http or https URL.",
        "line 5: Title must be given.",
    ]
    assert result.stdout == told(eve, created=1, refused=3)
    (movie,) = eve.get("/movies").json["items"]
    assert (movie["title"], movie["year"], movie["imageUrl"]) == ("Ronin", None, None)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "The file is not a list of movies"),
        ("name,year\nHeat,1995\n", "The file is not a list of movies"),
        ('title\n"Heat', "The file is not CSV from line 2 on"),
    ],
)
def test_a_file_that_is_no_list_is_refused_whole(
    app: Flask, eve: Actor, tmp_path: Path, content: str | bytes, reason: str
) -> None:
    result = import_movies(app, csv(tmp_path, content), eve.email)
    assert result.exit_code == 1
    assert re.fullmatch(f"Error: .*{reason}.*\n", result.stderr)
    assert eve.get("/movies").json["meta"]["total"] == 0


def test_a_file_with_a_byte_order_mark_and_nothing_else_is_fine(
    app: Flask, eve: Actor, tmp_path: Path
) -> None:
    result = import_movies(app, csv(tmp_path, "\ufefftitle\n"), eve.email)
    assert (result.exit_code, result.stdout) == (0, told(eve, created=0))


def test_a_file_that_is_imported_twice_changes_nothing_the_second_time(
    app: Flask, eve: Actor, tmp_path: Path
) -> None:
    file = csv(tmp_path, "title;year\nHeat;1995\nHEAT!;1995\nRonin;1998\n")
    dry = import_movies(app, file, eve.email, "--dry-run")
    assert dry.stdout == told(eve, created=2, in_file=1).replace("imported", "would be imported")
    assert eve.get("/movies").json["items"] == []
    assert import_movies(app, file, eve.email).stdout == told(eve, created=2, in_file=1)
    assert import_movies(app, file, eve.email).stdout == told(eve, created=0, in_list=3)


def test_an_operators_file_may_be_longer_than_a_clients(
    app: Flask, eve: Actor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "MAX_ROWS", 1)
    result = import_movies(app, csv(tmp_path, "title\nHeat\nRonin\n"), eve.email)
    assert result.stdout == told(eve, created=2)


def test_an_import_that_fails_at_its_end_leaves_nothing(
    databases: Databases, tmp_path: Path
) -> None:
    app = create_app(environment(databases.make_with_tables()))
    with app.app_context():
        poison = """ALTER TABLE "Movie" ADD CHECK (title <> 'poison')"""
        db.session.execute(text(poison))
        db.session.commit()
    eve = sign_up(InProcess(app))
    heats = "".join(f"Heat {number}\n" for number in range(2500))
    file = csv(tmp_path, f"title\n{heats}poison\n")
    assert isinstance(import_movies(app, file, eve.email).exception, IntegrityError)
    assert eve.get("/movies").json["meta"]["total"] == 0


def test_an_import_for_nobody_is_refused(app: Flask) -> None:
    result = import_movies(app, SAMPLE, "nobody@example.com")
    assert (result.exit_code, result.stderr) == (
        1,
        "Error: Nobody has signed up as nobody@example.com.\n",
    )


def test_an_import_without_the_database_says_so() -> None:
    app = create_app(environment("postgresql://nobody@127.0.0.1:9/nothing"))
    result = import_movies(app, SAMPLE, "eve@example.com")
    assert result.exit_code == 1
    assert result.stderr == "Error: The database is away; nothing was done.\n"
