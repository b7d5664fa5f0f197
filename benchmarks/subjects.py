"""The service with people and lists of all sizes, as it is here or was at another revision."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import Connection, NullPool, create_engine, make_url, text

from benchmarks.load import CLIENTS
from benchmarks.servers import Server, gunicorn
from tests.large import without_indexes_and_foreign_key
from tests.service import JSON, PASSWORD, ROOT, Answer, Remote, environment

SMALL, MIDDLE, LARGE, OTHERS = 42, 10_000, 1_000_000, 990_000
"""Movies of the three owners whose lists are read, and of a hundred others."""

MOVIES = """
    INSERT INTO "Movie" (title, year, "imageUrl", "ownerId", "createdAt")
    SELECT 'Movie number ' || n, (1900 + n % 120)::text, 'https://example.com/' || n || '.jpg',
        :owner, now() - n * interval '1 second'
    FROM generate_series(1, :movies) n
"""
OTHER_USERS = """
    INSERT INTO "User" (id, name, email, password)
    SELECT gen_random_uuid(), 'Other', n || '@others.example', '' FROM generate_series(1, 100) n
"""
OTHER_MOVIES = """
    INSERT INTO "Movie" (title, year, "ownerId", "createdAt")
    SELECT 'Movie number ' || n, (1900 + n % 120)::text, others.ids[1 + n % 100],
        now() - n * interval '1 second'
    FROM generate_series(1, :movies) n,
        (SELECT array_agg(id) AS ids FROM "User" WHERE name = 'Other') others
"""


@dataclass
class Person:
    """Somebody with an account, and the token that they hold."""

    email: str
    id: str = ""
    token: str = ""

    @property
    def account(self) -> dict[str, str]:
        return {"name": "Ada", "email": self.email, "password": PASSWORD}


@dataclass(frozen=True)
class Subject:
    """A service, owners by the length of their lists, and people who do what changes lists."""

    server: Server
    database: str
    owners: Mapping[int, Person]
    writers: list[Person] = field(
        default_factory=lambda: [Person(f"writer{n}@example.com") for n in range(CLIENTS)]
    )

    def get(self, path: str, owner: int) -> Answer:
        """Ask once, as an owner."""
        bearer = {"Authorization": f"Bearer {self.owners[owner].token}"}
        return Remote(self.server.url).send("GET", path, None, bearer)

    def enter(self, path: str) -> None:
        """Have all people sign up or log in; their tokens last for 15 minutes."""
        for person in (*self.owners.values(), *self.writers):
            body = json.dumps(person.account).encode()
            answer = Remote(self.server.url).send("POST", path, body, {"Content-Type": JSON})
            person.id, person.token = answer.json["user"]["id"], answer.json["accessToken"]


@contextmanager
def subject(
    name: str, server_url: str, lists: Iterable[int], *, others: int = 0, folder: Path = ROOT
) -> Iterator[Subject]:
    """Serve the code in a folder on a new database, with owners of lists of these lengths."""
    run(server_url, f'CREATE DATABASE "{name}"')
    database = make_url(server_url).set(database=name).render_as_string(hide_password=False)
    settings = environment(database)
    migrate = [sys.executable, "-m", "flask", "--app", "wsgi", "db", "upgrade"]
    subprocess.run(
        migrate, cwd=folder, env={**os.environ, **settings}, capture_output=True, check=True
    )
    with gunicorn("wsgi:app", folder, settings, "-c", "gunicorn.conf.py") as server:
        owners = {movies: Person(f"owner{movies}@example.com") for movies in lists}
        made = Subject(server, database, owners)
        made.enter("/auth/signup")
        fill(database, owners, others)
        yield made


def fill(database: str, owners: Mapping[int, Person], others: int) -> None:
    """Give owners and others their movies."""
    with connected(database) as connection, without_indexes_and_foreign_key(connection):
        for movies, owner in owners.items():
            connection.execute(text(MOVIES), {"owner": owner.id, "movies": movies})
        connection.execute(text(OTHER_USERS))
        connection.execute(text(OTHER_MOVIES), {"movies": others})
    run(database, "VACUUM ANALYZE")
    run(database, "CHECKPOINT")


def run(database: str, statement: str, **parameters: Any) -> None:
    """Run a statement in a connection of its own."""
    with connected(database) as connection:
        connection.execute(text(statement), parameters)


@contextmanager
def connected(database: str) -> Iterator[Connection]:
    """Connect, for statements that are transactions of their own."""
    engine = create_engine(database, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        yield connection


@contextmanager
def checked_out(name: str) -> Iterator[Path]:
    """Check a revision out into a folder of its own."""
    archive = subprocess.run(["git", "archive", name], cwd=ROOT, capture_output=True, check=True)
    with TemporaryDirectory(prefix="playlist-") as folder:
        subprocess.run(["tar", "-x"], cwd=folder, input=archive.stdout, check=True)
        yield Path(folder)
