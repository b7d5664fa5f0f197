"""The tables, as the migrations make them."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask_migrate import check, downgrade, upgrade
from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError

from playlist_api.app import create_app
from playlist_api.db.engine import db
from tests.conftest import Databases
from tests.support.migrating import HELD, TURN, flask
from tests.support.service import InProcess, environment, sign_up

OWNER = "00000000-0000-0000-0000-000000000001"
USER = 'INSERT INTO "User" (id, name, email, password) VALUES'
SESSION = 'INSERT INTO "Session" (id, "userId", "refreshToken", "rotatedAt", "expiresAt") VALUES'


@pytest.fixture
def empty(databases: Databases) -> Iterator[Flask]:
    """An application whose database has no tables yet."""
    app = create_app(environment(databases.make()))
    with app.app_context():
        yield app
        db.engine.dispose()


@pytest.fixture
def migrated(app: Flask) -> Iterator[Flask]:
    """An application whose database has its tables."""
    with app.app_context():
        yield app


@pytest.mark.usefixtures("empty")
def test_upgrade_and_downgrade_undo_each_other() -> None:
    upgrade()
    tables = set(inspect(db.engine).get_table_names())
    assert tables >= {"User", "Movie", "Session"}
    downgrade(revision="base")
    assert inspect(db.engine).get_table_names() == ["alembic_version"]
    upgrade()
    assert set(inspect(db.engine).get_table_names()) == tables


def rows() -> dict[str, list[Any]]:
    """All rows of all tables."""
    tables = {*inspect(db.engine).get_table_names()} - {"alembic_version"}
    return {table: asked(f'SELECT * FROM "{table}" ORDER BY 1') for table in tables}


def asked(statement: str) -> list[Any]:
    """The rows of a statement, in a transaction of its own."""
    with db.engine.begin() as connection:
        return list(connection.execute(text(statement)))


def test_a_filled_database_of_the_version_before_keeps_everything(empty: Flask) -> None:
    upgrade()
    ada, bob = sign_up(InProcess(empty)), sign_up(InProcess(empty))
    heat, ronin, alien = (ada.add_movie(title)["id"] for title in ("Heat", "Ronin", "Alien"))
    ada.post("/movies", {"title": "Dune"}, Idempotency_Key="x")
    ada.patch(f"/movies/{heat}", {"year": "1995"})
    ada.delete(f"/movies/{ronin}")
    ada.post("/auth/password/forgot", {"email": ada.email})
    bob.post("/auth/login", {"email": bob.email, "password": bob.password})
    downgrade(revision="0009")
    before = rows()
    upgrade(revision="0012")
    assert rows() == before
    upgrade()
    assert {row[1] for row in before["MovieCount"]} == {3}
    assert before["User"]
    assert before["Session"]
    # Changing a movie is no longer a change of the count too.
    version = 'SELECT xmin::text, movies FROM "MovieCount"'
    counted = asked(version)
    assert ada.patch(f"/movies/{alien}", {"title": "Aliens"}).status == 200
    assert asked(version) == counted
    ada.add_movie("Tron")
    ada.delete(f"/movies/{heat}")
    assert ada.get("/movies").json["meta"]["total"] == 3
    assert ada.hold(ada.refresh()).get("/me").status == 200
    downgrade(revision="0012")
    before = rows()
    downgrade(revision="0009")
    assert rows() == before
    upgrade(revision="0012")
    assert rows() == before


@pytest.mark.usefixtures("migrated")
def test_models_and_migrations_agree() -> None:
    check()


@pytest.mark.usefixtures("empty")
def test_statements_that_are_printed_make_the_same_tables(
    capsys: pytest.CaptureFixture[str],
) -> None:
    upgrade(sql=True)
    printed = capsys.readouterr().out
    assert "SET LOCAL lock_timeout = '500ms';" in printed
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        # One after the other, as psql sends them.
        for statement in printed.split(";\n\n")[:-1]:
            connection.exec_driver_sql(statement)
    check()


@pytest.mark.usefixtures("empty")
def test_an_upgrade_gives_its_turn_back_and_looking_needs_none() -> None:
    upgrade()
    assert not db.session.scalars(text(HELD)).all()
    db.session.execute(text(f"SELECT pg_advisory_lock({TURN})"))
    url = db.engine.url.render_as_string(hide_password=False)
    with flask(url, "db", "current") as current:
        said, _ = current.communicate(timeout=60)
    assert "(head)" in said


def test_a_database_that_is_away_is_told_in_a_sentence(caplog: pytest.LogCaptureFixture) -> None:
    away = create_app(environment("postgresql://ada:hunter2@127.0.0.1:1/playlist"))
    with away.app_context(), pytest.raises(SystemExit, match="1"):
        upgrade()
    (said,) = (line for line in caplog.messages if line.startswith("Error: "))
    assert said.startswith("Error: The database is away: ")
    assert "Connection refused" in said
    assert "hunter2" not in said


@pytest.mark.usefixtures("migrated")
@pytest.mark.parametrize(
    "statement",
    [
        f"""INSERT INTO "Movie" (title, "ownerId") VALUES ('', '{OWNER}')""",
        f"""INSERT INTO "Movie" (title, "ownerId") VALUES (repeat('x', 256), '{OWNER}')""",
        f"""INSERT INTO "Movie" (title, year, "ownerId") VALUES ('Heat', '199', '{OWNER}')""",
        f"""INSERT INTO "Movie" (title, year, "ownerId") VALUES ('Heat', '199x', '{OWNER}')""",
        """INSERT INTO "Movie" (title, "ownerId") VALUES ('Heat', gen_random_uuid())""",
        f"{USER} (gen_random_uuid(), 'Eve', 'owner@rules.example', 'x')",
        f"{USER} (gen_random_uuid(), 'Eve', 'Eve@example.com', 'x')",
        f"{USER} (gen_random_uuid(), '', 'eve@example.com', 'x')",
        f"""UPDATE "User" SET role = 'root' WHERE id = '{OWNER}'""",
        f"{SESSION} (gen_random_uuid(), gen_random_uuid(), 'x', now(), now())",
    ],
)
def test_the_database_itself_keeps_the_rules(statement: str) -> None:
    db.session.execute(text(f"{USER} ('{OWNER}', 'Ada', 'owner@rules.example', 'x')"))
    with pytest.raises(DBAPIError):
        db.session.execute(text(statement))


@pytest.mark.usefixtures("migrated")
def test_times_are_stored_with_their_zone() -> None:
    columns = [
        column
        for table in ("User", "Movie", "Session")
        for column in inspect(db.engine).get_columns(table)
        if column["name"].endswith("At")
    ]
    assert len(columns) == 8
    assert all(getattr(column["type"], "timezone", False) for column in columns)
