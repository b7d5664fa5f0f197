"""`flask backup`: what is backed up comes back, and nothing half done is left."""

import json
import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask import Flask
from flask_migrate import check
from sqlalchemy import NullPool, create_engine, text

from playlist_api.app import create_app
from playlist_api.auth.passwords import hash_password
from playlist_api.backups import backups, dumps
from playlist_api.backups.backups import Backup, catalogue
from playlist_api.db.engine import db
from playlist_api.posters import storage
from tests.conftest import Databases
from tests.support import large
from tests.support.backups import Place, create, flask, refusal
from tests.support.service import PASSWORD, Actor, InProcess, environment, log_in

command = import_module("playlist_api.cli.backup")  # the package's `backup` is the group

TABLES = ("User", "Movie", "MovieCount", "Session", "PasswordReset", "IdempotencyKey", "Picture")


@pytest.fixture(scope="module")
def source(databases: Databases) -> str:
    """A database with something in every table."""
    url = databases.make_with_tables()
    with create_app(environment(url)).app_context():
        values = {"movies": 1000, "users": 50, "password": hash_password(PASSWORD)}
    run(url, *(rows.replace("30000", "300") for rows in large.ROWS.values()), **values)
    return url


@pytest.fixture
def app(source: str, place: Place) -> Flask:
    return create_app(environment(source, BACKUP_URL=place.url))


@pytest.fixture
def in_folder(source: str, folder: Place) -> Flask:
    """The service with a folder for its backups, where S3 is nothing else."""
    return create_app(environment(source, BACKUP_URL=folder.url))


def run(url: str, *statements: str, **values: object) -> None:
    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement), values)


def rows(url: str, table: str) -> list[str]:
    """All that a table holds, in one order."""
    with create_engine(url, poolclass=NullPool).connect() as connection:
        return list(connection.scalars(text(f'SELECT t::text FROM "{table}" t ORDER BY 1')))


def is_empty(url: str) -> bool:
    with create_engine(url, poolclass=NullPool).connect() as connection:
        tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        return not connection.scalar(text(tables))


def test_what_is_backed_up_is_restored_row_by_row(
    app: Flask, source: str, databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = create(app)
    monkeypatch.setattr(storage, "CHUNK", made.size // 7)
    target = databases.make()
    result = flask(app, "restore", made.name, "--into", target)
    assert result.exit_code == 0, result.output
    assert "row for row" in result.stdout
    for table in TABLES:
        assert rows(target, table) == rows(source, table) != [], table
    assert made.rows == {
        "alembic_version": 1,
        **{table: len(rows(source, table)) for table in TABLES},
    }


def test_what_a_crash_may_lose_is_not_backed_up(
    in_folder: Flask, source: str, databases: Databases
) -> None:
    create(in_folder)
    target = databases.make()
    assert flask(in_folder, "restore", "latest", "--into", target).exit_code == 0
    assert rows(source, "RateLimit") != rows(target, "RateLimit") == []


def test_the_service_goes_on_with_what_is_restored(in_folder: Flask, databases: Databases) -> None:
    create(in_folder)
    target = databases.make()
    flask(in_folder, "restore", "latest", "--into", target)
    restored = create_app(environment(target))
    with restored.app_context():
        check()
    ada = log_in(Actor(InProcess(restored), "ada2@example.com"))
    before = ada.get("/movies").json["meta"]["total"]
    assert before > 0
    movie = ada.add_movie()
    assert movie["id"] > 1000
    assert ada.get("/movies").json["meta"]["total"] == before + 1
    ada.delete(f"/movies/{movie['id']}")
    assert ada.get("/movies").json["meta"]["total"] == before


def test_rows_are_counted_and_dumped_at_one_moment(
    in_folder: Flask, source: str, databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    dump = dumps.dump

    def dump_later(*arguments: object) -> object:
        run(
            source,
            """DELETE FROM "PasswordReset" WHERE token = (SELECT min(token)
                       FROM "PasswordReset")""",
        )
        return dump(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(dumps, "dump", dump_later)
    made = create(in_folder)
    assert made.rows["PasswordReset"] == len(rows(source, "PasswordReset")) + 1
    result = flask(in_folder, "restore", "latest", "--into", databases.make())
    assert result.exit_code == 0, result.output


def test_who_may_read_everything_can_back_up(
    source: str, folder: Place, databases: Databases
) -> None:
    role = f"reader_{os.getpid()}"
    run(
        source,
        f"CREATE ROLE {role} LOGIN PASSWORD 'secret'",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}",
    )
    url = databases.url.set(
        username=role, password="secret", database=source.rpartition("/")[2].partition("?")[0]
    )
    reader = create_app(
        environment(url.render_as_string(hide_password=False), BACKUP_URL=folder.url)
    )
    try:
        assert "Movie_id_seq" in refusal(flask(reader, "create"))
        assert folder.files == []
        run(source, f"GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO {role}")
        create(reader)
    finally:
        run(source, f"DROP OWNED BY {role}", f"DROP ROLE {role}")


def test_two_at_once_make_two(app: Flask, place: Place) -> None:
    with app.app_context():
        engine = db.engine
    with ThreadPoolExecutor() as pool:
        made = [
            pool.submit(backups.create, place.storage, engine, lambda *_: None) for _ in range(2)
        ]
        names = [future.result().name for future in made]
    assert sorted(names) == sorted(made.name for made in catalogue(place.storage).complete)


def test_list_tells_of_the_newest_first(app: Flask) -> None:
    assert flask(app, "list").stderr == "There is no backup.\n"
    older, newer = create(app), create(app)
    listed = [line.split("\t") for line in flask(app, "list").stdout.splitlines()]
    assert [line[0] for line in listed] == [newer.name, older.name]
    assert listed[0][1:] == [
        f"{newer.created:%Y-%m-%d %H:%M} UTC",
        command._size(newer.size),
        newer.revision,
        f"{sum(newer.rows.values())} rows",
    ]


def test_only_the_owner_can_read_a_backup_in_a_folder(in_folder: Flask, folder: Place) -> None:
    create(in_folder)
    modes = {stat.S_IMODE(file.stat().st_mode) for file in Path(folder.url).iterdir()}
    assert modes == {0o600}


def test_files_that_are_no_backups_are_passed_over(app: Flask, place: Place) -> None:
    place.write("notes.json", b"{}")
    place.write("20260101T000000Z-00000.dump", b"")
    made = create(app)
    found = catalogue(place.storage)
    assert ([backup.name for backup in found.complete], found.broken) == ([made.name], {})
    assert found.leftovers == []


Damage = Callable[[Place, Backup], None]


def _without_data(place: Place, made: Backup) -> None:
    place.storage.delete(made.data)


def _truncated(place: Place, made: Backup) -> None:
    place.write(made.data, place.read(made.data)[:-1])


def _no_json(place: Place, made: Backup) -> None:
    place.write(made.description, place.read(made.description)[:-5])


def _no_description(place: Place, made: Backup) -> None:
    place.write(made.description, b'{"name": "x", "size": "1"}')


def _too_long(place: Place, made: Backup) -> None:
    place.write(made.description, b" " * 1024 * 1024 + place.read(made.description))


def _of_another(place: Place, made: Backup) -> None:
    redescribe(place, made, name="other")


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (_without_data, "its data is missing"),
        (_truncated, "its data is of "),
        (_no_json, "its description is none"),
        (_no_description, "its description is none"),
        (_too_long, "its description is none"),
        (_of_another, "its description is another one's"),
    ],
)
def test_a_broken_backup_is_told_of_and_not_restored(
    app: Flask, place: Place, damage: Damage, reason: str
) -> None:
    whole, broken = create(app), create(app)
    damage(place, broken)
    result = flask(app, "list")
    assert result.exit_code == 0
    assert result.stdout.startswith(whole.name)
    assert f"{broken.name}\tis broken: {reason}" in result.stderr
    told = refusal(flask(app, "restore", broken.name, "--into", "postgresql:///nowhere"))
    assert told.startswith(f"{broken.name} is broken: {reason}")
    assert catalogue(place.storage).find("latest") == whole


def redescribe(place: Place, made: Backup, **changes: object) -> None:
    """Change what the description says."""
    description = json.loads(place.read(made.description))
    place.write(made.description, json.dumps({**description, **changes}).encode())


def flip(place: Place, made: Backup) -> None:
    """Change one bit of the data, at its end, so that most of it can be loaded."""
    data = bytearray(place.read(made.data))
    data[-1] ^= 1
    place.write(made.data, bytes(data))


def test_damaged_data_is_found_before_any_is_loaded(
    app: Flask, place: Place, databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = create(app)
    flip(place, made)
    monkeypatch.setattr(dumps, "load", None)
    target = databases.make()
    assert "is damaged" in refusal(flask(app, "restore", made.name, "--into", target))
    assert is_empty(target)


def test_data_that_changes_after_it_was_checked_is_not_kept(
    app: Flask, place: Place, databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = create(app)
    load = dumps.load

    def load_flipped(*arguments: object) -> None:
        flip(place, made)
        monkeypatch.setattr(storage, "CHUNK", made.size // 7)
        load(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(dumps, "load", load_flipped)
    target = databases.make()
    assert "is damaged" in refusal(flask(app, "restore", made.name, "--into", target))
    assert is_empty(target)


@pytest.mark.parametrize(
    "name", ["", "../x", "/etc/passwd", "x\n", "20260101T000000Z-000000", "*", "'", "LATEST"]
)
def test_a_name_of_no_backup_is_refused(app: Flask, name: str) -> None:
    create(app)
    told = refusal(flask(app, "restore", name, "--into", "postgresql:///nowhere"))
    assert told == f"There is no backup {name!r}."


def test_there_may_be_no_latest(in_folder: Flask) -> None:
    told = refusal(flask(in_folder, "restore", "latest", "--into", "postgresql:///nowhere"))
    assert told == "There is no backup."


def test_a_database_that_is_not_empty_is_refused(
    in_folder: Flask, source: str, databases: Databases
) -> None:
    create(in_folder)
    other = databases.make()
    run(other, "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'")
    for target in (source, other):
        told = refusal(flask(in_folder, "restore", "latest", "--into", target))
        assert "is not empty" in told
    assert is_empty(other)


def test_the_services_own_database_can_be_restored_when_it_is_empty(
    in_folder: Flask, folder: Place, databases: Databases
) -> None:
    create(in_folder)
    anew = databases.make()
    app = create_app(environment(anew, BACKUP_URL=folder.url))
    assert flask(app, "restore", "latest", "--into", anew).exit_code == 0


def test_where_to_can_be_kept_off_the_command_line(
    in_folder: Flask, databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(in_folder)
    monkeypatch.setenv("RESTORE_URL", databases.make())
    assert flask(in_folder, "restore", "latest").exit_code == 0


def test_only_a_url_of_postgresql_says_where_to(in_folder: Flask) -> None:
    result = flask(in_folder, "restore", "latest", "--into", "sqlite:///x")
    assert result.exit_code == 2
    assert "--into must be a postgresql:// URL." in result.stderr


def test_what_pg_restore_refuses_leaves_the_database_empty(
    in_folder: Flask, databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_archive = (piece for piece in (b"PGDMP", b"no archive" * 100_000))
    monkeypatch.setattr(dumps, "dump", lambda *_: no_archive)
    made = create(in_folder)
    target = databases.make()
    told = refusal(flask(in_folder, "restore", made.name, "--into", target))
    assert "pg_restore" in told
    assert "failed" in told
    assert is_empty(target)


def test_rows_that_are_not_those_backed_up_are_told_of(
    in_folder: Flask, folder: Place, databases: Databases
) -> None:
    made = create(in_folder)
    redescribe(folder, made, rows={**made.rows, "Movie": 1001})
    told = refusal(flask(in_folder, "restore", made.name, "--into", databases.make()))
    assert told == "The rows restored are not those backed up: Movie 1000 instead of 1001."


@pytest.mark.parametrize(
    ("revision", "told"), [("0003", "run `flask db upgrade` on it"), ("9999", "does not know")]
)
def test_tables_of_another_version_of_the_service_are_told_of(
    in_folder: Flask, folder: Place, databases: Databases, revision: str, told: str
) -> None:
    made = create(in_folder)
    redescribe(folder, made, revision=revision)
    result = flask(in_folder, "restore", made.name, "--into", databases.make())
    assert result.exit_code == 0
    assert told in result.stderr


def test_a_server_older_than_the_backup_is_refused(
    in_folder: Flask, folder: Place, databases: Databases
) -> None:
    made = create(in_folder)
    redescribe(folder, made, server="99.1")
    told = refusal(flask(in_folder, "restore", made.name, "--into", databases.make()))
    assert "needs 99 or newer" in told


@pytest.mark.parametrize(("tool", "least"), [("16.1", 15), ("17.0", 17), ("18.6", 17)])
def test_pg_restore_from_17_on_needs_a_server_from_17_on(tool: str, least: int) -> None:
    assert dumps.oldest_server("15.3", dumps.Tool("pg_restore", tool)) == least


def test_a_terminal_is_told_how_far_it_is(
    in_folder: Flask, databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert flask(in_folder, "create").stderr == ""
    terminal = SimpleNamespace(stderr=SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr(command, "sys", terminal)
    result = flask(in_folder, "create")
    assert "\rWriting " in result.stderr
    assert result.stdout.count("\n") == 1
    told = flask(in_folder, "restore", "latest", "--into", databases.make()).stderr
    assert "\rChecking " in told
    assert "\rLoading " in told


@pytest.mark.parametrize(
    ("size", "told"),
    [(0, "0.0 B"), (999, "999.0 B"), (1000, "1.0 kB"), (2.5e9, "2.5 GB"), (5e15, "5000.0 TB")],
)
def test_sizes_are_told_for_people(size: float, told: str) -> None:
    assert command._size(size) == told
