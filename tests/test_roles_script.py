"""deploy/postgresql/roles.sql on databases that it finds, and as the official image runs it."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import make_url

from tests.roles import (
    APP,
    FOLDER,
    OWNER,
    as_role,
    ask,
    in_database,
    make_roles,
    migrate,
    server_with_passwords,
    tool,
)

OWNERS = """
    SELECT string_agg(DISTINCT r.rolname, ',') FROM pg_class c JOIN pg_roles r ON r.oid = relowner
    WHERE relnamespace = 'public'::regnamespace
"""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with server_with_passwords() as url:
        yield url


def test_tables_that_another_role_made_are_handed_over(server: str) -> None:
    ask(server, "CREATE DATABASE older TEMPLATE template0")
    older = in_database(server, "older")
    migrate(older)
    owner, app = make_roles(older)
    assert ask(owner, OWNERS) == OWNER
    assert ask(app, 'SELECT count(*) FROM "Movie"') == 0
    ask(owner, "DROP FUNCTION count_added_movies CASCADE")


def test_no_superuser_is_needed_by_whoever_owns_the_database(server: str) -> None:
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


def initialise(way: str, given: dict[str, str]) -> tuple[int, str]:
    command = [*way.split(), f"{FOLDER}/10-roles.sh"]
    if "-c" in way:
        command = [*way.split(), f". {FOLDER}/10-roles.sh"]
    done = subprocess.run(command, env=given, stderr=subprocess.PIPE, text=True)
    return done.returncode, done.stderr


WAYS = ["sh", "sh -euc"]  # as a program, and as a part of the image's own script


@pytest.mark.parametrize("way", WAYS)
def test_the_image_s_initialisation_takes_passwords_from_its_environment_and_from_files(
    server: str, given: dict[str, str], way: str
) -> None:
    assert initialise(way, given) == (0, "")
    assert ask(as_role(server, OWNER, "a new one for the owner"), "SELECT 1") == 1
    assert ask(as_role(server, APP, "a new one for the app"), "SELECT 1") == 1


@pytest.mark.parametrize("way", WAYS)
def test_the_image_s_initialisation_has_no_password_of_its_own(
    given: dict[str, str], way: str
) -> None:
    del given["APP_PASSWORD"]
    assert initialise(way, given) == (1, "APP_PASSWORD is not set, nor APP_PASSWORD_FILE.\n")
