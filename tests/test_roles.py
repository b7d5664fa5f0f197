"""The roles of deploy/postgresql: one that owns the tables, and one that may only serve."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask
from psycopg2.errors import InsufficientPrivilege
from sqlalchemy import NullPool, create_engine, make_url
from sqlalchemy.exc import OperationalError, ProgrammingError

from playlist_api.app import create_app
from tests.support.migrating import with_one_more
from tests.support.roles import (
    APP,
    FOLDER,
    OWNER,
    as_role,
    ask,
    in_database,
    make_roles,
    migrate,
    run_on,
    server_with_passwords,
    tool,
)
from tests.support.service import InProcess, environment, sign_up
from tests.test_isolation import MATRIX
from tests.test_isolation import ask as call

OWNERS = """
    SELECT string_agg(DISTINCT r.rolname, ',') FROM pg_class c JOIN pg_roles r ON r.oid = relowner
    WHERE relnamespace = 'public'::regnamespace
"""


@dataclass(frozen=True)
class Roles:
    """A database's URLs for its superuser and the two roles."""

    superuser: str
    owner: str
    app: str


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with server_with_passwords() as url:
        yield url


@pytest.fixture(scope="module")
def roles(server: str) -> Roles:
    """The roles, made before the tables, and once more after them."""
    owner, app = make_roles(server)
    migrate(owner)
    make_roles(server)
    return Roles(server, owner, app)


@pytest.fixture(scope="module")
def app(roles: Roles) -> Flask:
    """The application as it is run in production, with the lesser role."""
    return create_app(environment(roles.app, RATELIMIT_ENABLED="true"))


@pytest.mark.parametrize("route", MATRIX)
def test_the_app_s_role_is_enough_for_every_call(app: Flask, route: str) -> None:
    ada = sign_up(InProcess(app))
    assert call(route, ada, ada).status == MATRIX[route][0]


def test_the_app_s_role_is_enough_for_the_operators_commands(app: Flask) -> None:
    ada = sign_up(InProcess(app))
    for command in (
        f"movies import tests/data/movies.csv --email {ada.email}",
        *(f"users {what} {ada.email}" for what in ("show", "promote", "demote", "end-sessions")),
        f"users delete {ada.email} --yes",
        *("users list", "sessions prune", "db current", "db check"),
    ):
        done = app.test_cli_runner().invoke(args=command.split())
        assert done.exit_code == 0, (command, done.output, done.exception)


@pytest.mark.parametrize(
    "statement",
    [
        *('DROP TABLE "Movie"', 'TRUNCATE "Movie"', "DROP FUNCTION count_added_movies"),
        'ALTER TABLE "Movie" ADD COLUMN rating integer',
        'ALTER TABLE "Movie" DISABLE TRIGGER USER',
        'CREATE INDEX ON "Movie" (title)',
        'CREATE TRIGGER mine AFTER INSERT ON "Movie" EXECUTE FUNCTION count_added_movies()',
        *("UPDATE alembic_version SET version_num = '0001'", "DELETE FROM alembic_version"),
        *("CREATE TABLE mine ()", "CREATE TEMPORARY TABLE mine ()", "CREATE SCHEMA mine"),
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        *("CREATE DATABASE mine", "CREATE ROLE mine", f"ALTER ROLE {APP} SUPERUSER"),
        *(f"SET ROLE {OWNER}", f"GRANT {OWNER} TO {APP}"),
        *("SET session_replication_role = replica", "ALTER SYSTEM SET log_statement = 'all'"),
        *("SELECT * FROM pg_authid", "SELECT pg_read_file('/etc/passwd')"),
        *("""COPY "User" TO '/tmp/users'""", """COPY "User" TO PROGRAM 'cat'"""),
        """COPY "User" FROM PROGRAM 'true'""",
    ],
)
def test_the_app_s_role_may_do_no_more_than_serve(roles: Roles, statement: str) -> None:
    with pytest.raises(ProgrammingError) as refused:
        ask(roles.app, statement)
    assert isinstance(refused.value.orig, InsufficientPrivilege)


def test_what_later_migrations_make_is_the_app_s_to_use(roles: Roles, tmp_path: Path) -> None:
    deed = "op.execute('CREATE TABLE later (id serial, name text)')"
    migrate(roles.owner, with_one_more(tmp_path, deed))
    ask(roles.app, "INSERT INTO later (name) VALUES ('Ada')")
    ask(roles.app, "UPDATE later SET name = 'Bob'")
    assert ask(roles.app, "DELETE FROM later RETURNING id") == 1


def test_only_the_app_s_statements_have_bounds_and_not_even_its_dumps(roles: Roles) -> None:
    bounds = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
    assert [ask(roles.app, f"SHOW {name}") for name in bounds] == ["1min", "2s", "1min"]
    assert [ask(roles.owner, f"SHOW {name}") for name in bounds] == ["0", "0", "0"]
    dump = run_on(roles.app, "pg_dump")
    assert "SET statement_timeout = 0;" in dump
    assert 'COPY public."Movie"' in dump


def test_the_owner_sees_who_is_in_its_way_and_may_end_them(roles: Roles) -> None:
    blocking = create_engine(roles.app, poolclass=NullPool)
    with suppress(OperationalError), blocking.connect() as blocker:
        blocker.exec_driver_sql('SELECT FROM "Movie"')
        process = blocker.exec_driver_sql("SELECT pg_backend_pid()").scalar()
        seen = f"SELECT state FROM pg_stat_activity WHERE pid = {process}"
        assert ask(roles.owner, seen) == "idle in transaction"
        assert ask(roles.owner, f"SELECT pg_terminate_backend({process}, 5000)") is True


def test_migrating_with_the_app_s_role_is_refused_in_a_sentence(
    server: str, caplog: pytest.LogCaptureFixture
) -> None:
    ask(server, "CREATE DATABASE empty TEMPLATE template0")
    _, app = make_roles(in_database(server, "empty"))
    with pytest.raises(SystemExit, match="1"):
        migrate(app)
    said = f"Error: {APP} may not change the tables; their owner's DATABASE_URL may: permission"
    assert any(line.startswith(said) for line in caplog.messages)


def test_tables_that_another_role_made_are_handed_over(server: str) -> None:
    ask(server, "CREATE DATABASE older TEMPLATE template0")
    older = in_database(server, "older")
    migrate(older)
    owner, app = make_roles(older)
    assert ask(owner, OWNERS) == OWNER
    assert ask(app, 'SELECT count(*) FROM "Movie"') == 0
    ask(owner, "DROP FUNCTION count_added_movies CASCADE")


def test_the_owner_of_a_database_needs_no_superuser(server: str) -> None:
    ask(server, "CREATE ROLE manager LOGIN CREATEROLE")
    ask(server, "CREATE DATABASE managed OWNER manager TEMPLATE template0")
    managed = in_database(as_role(server, "manager", ""), "managed")
    for _ in range(2):
        owner, app = make_roles(managed, "managed_owner", "managed_app")
    migrate(owner)
    assert ask(app, 'SELECT count(*) FROM "Movie"') == 0


@pytest.fixture
def given(server: str, tmp_path: Path) -> Iterator[dict[str, str]]:
    """What the official image's initialisation may find in its environment."""
    (tmp_path / "owner").write_text("a new one for the owner\n")
    yield {
        "PATH": f"{tool('psql').parent}:{os.environ['PATH']}",
        "PGHOST": str(make_url(server).query["host"]),
        "POSTGRES_USER": "playlist",
        "OWNER_PASSWORD_FILE": str(tmp_path / "owner"),
        "APP_PASSWORD": "a new one for the app",
        "ROLES": str(FOLDER / "roles.sql"),
    }
    make_roles(server)


SCRIPT = f"{FOLDER}/10-roles.sh"


@pytest.mark.parametrize("way", [[SCRIPT], ["-euc", f". {SCRIPT}"]], ids=["program", "part"])
def test_the_image_s_initialisation_takes_passwords_from_its_environment_and_from_files(
    server: str, given: dict[str, str], way: list[str]
) -> None:
    def initialise() -> tuple[int, str]:
        done = subprocess.run(["sh", *way], env=given, stderr=subprocess.PIPE, text=True)
        return done.returncode, done.stderr

    assert initialise() == (0, "")
    assert ask(as_role(server, OWNER, "a new one for the owner"), "SELECT 1") == 1
    assert ask(as_role(server, APP, "a new one for the app"), "SELECT 1") == 1
    del given["APP_PASSWORD"]  # it has none of its own
    assert initialise() == (1, "APP_PASSWORD is not set, nor APP_PASSWORD_FILE.\n")
