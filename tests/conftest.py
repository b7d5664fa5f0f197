"""The parts that tests are made with: a real PostgreSQL, the service twice, and actors."""

import json
import logging
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import create_engine, make_url, text

from dev.postgres import running
from playlist_api.app import create_app
from playlist_api.ops.logs import Formatter
from tests.support.backups import Place, bucket_of, folder_of
from tests.support.mail_server import Inbox
from tests.support.s3 import S3, s3
from tests.support.service import (
    MEDIA,
    Actor,
    Gunicorn,
    InProcess,
    Lines,
    Remote,
    Service,
    environment,
    gunicorn,
    log_in,
    sign_up,
)

URL = os.environ.get("URL", "")
WAYS = [URL] if URL else ["in process", "gunicorn"]

# Settings of the developer's own must not reach the tests.
for _name in (
    *("CORS_ORIGINS", "FLASK_DEBUG", "PASSWORD_BLOCKLIST"),
    *("SMTP_HOST", "TRUSTED_PROXIES"),
):
    os.environ.pop(_name, None)

# A process ignores the signals that its parent ignores: SIGINT in a shell's background, SIGHUP
# under nohup. The tests and the processes that they start must be stoppable wherever they run.
signal.signal(signal.SIGINT, signal.default_int_handler)
for _signal in (signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM):
    signal.signal(_signal, signal.SIG_DFL)


@pytest.fixture(scope="session", autouse=True)
def _no_pictures_left() -> Iterator[None]:
    yield
    shutil.rmtree(MEDIA, ignore_errors=True)


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """A PostgreSQL server on which tests make databases of their own, and drop them."""
    if given := os.environ.get("TEST_DATABASE_URL"):
        yield given
    else:
        folder = Path(tempfile.mkdtemp(prefix="playlist-"))
        with running(folder / "postgres", throwaway=True) as url:
            yield url
        folder.rmdir()


class Databases:
    """Makes empty databases on the tests' server."""

    def __init__(self, server_url: str) -> None:
        self.url = make_url(server_url).set(drivername="postgresql+psycopg2")
        self.engine = create_engine(self.url, isolation_level="AUTOCOMMIT")
        self.made: list[str] = []

    def make(self, template: str = "template0") -> str:
        name = f"playlist_test_{os.getpid()}_{len(self.made)}"
        self._run(f"CREATE DATABASE {name} TEMPLATE {template} ENCODING 'UTF8'")
        self.made.append(name)
        return self.url.set(database=name).render_as_string(hide_password=False)

    def make_with_tables(self) -> str:
        return self.make(self._migrated)

    @cached_property
    def _migrated(self) -> str:
        """A database with the tables, which costs a second to make and a moment to copy."""
        url = self.make()
        with create_app(environment(url)).app_context():
            upgrade()
        name = self.made[-1]
        # One that is connected to cannot be copied.
        self._run(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        )
        return name

    def drop_all(self) -> None:
        for name in self.made:
            self._run(f"DROP DATABASE {name} WITH (FORCE)")
        self.engine.dispose()

    def _run(self, statement: str) -> None:
        with self.engine.connect() as connection:
            connection.execute(text(statement))


@pytest.fixture(scope="session")
def databases(server_url: str) -> Iterator[Databases]:
    databases = Databases(server_url)
    yield databases
    databases.drop_all()


@pytest.fixture(scope="session")
def database_url(databases: Databases) -> str:
    """The database of most tests, with its tables made by the migrations."""
    return databases.make_with_tables()


@pytest.fixture(scope="session")
def app(database_url: str) -> Flask:
    return create_app(environment(database_url))


@pytest.fixture(scope="session")
def served(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gunicorn]:
    """The service behind gunicorn; whatever the tests do to it, it must log no error."""
    log = tmp_path_factory.mktemp("gunicorn") / "log"
    with gunicorn(log, environment(database_url)) as served:
        yield served
    assert served.process.returncode == 0
    assert [line for line in served.lines() if line["level"] >= 50] == []
    assert "Traceback" not in served.errors()
    assert "Warning" not in served.errors()


@pytest.fixture(scope="session", params=WAYS)
def service(request: pytest.FixtureRequest) -> Service:
    """The service, once in process and once behind gunicorn, for the two differ; or at a URL."""
    if request.param == URL:
        return Remote(URL)
    if request.param == "in process":
        return InProcess(request.getfixturevalue("app"))
    served: Gunicorn = request.getfixturevalue("served")
    return served


@pytest.fixture
def lines(
    service: Service, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> Lines:
    """Everything that the service logs, as a reader of its output sees it."""
    if isinstance(service, Gunicorn):
        return service.lines
    written: list[str] = []
    caplog.set_level(logging.INFO)

    def lines() -> list[Any]:
        written.extend(capsys.readouterr().out.splitlines())
        return [json.loads(line) for line in [*written, *map(Formatter().format, caplog.records)]]

    return lines


@pytest.fixture
def ada(service: Service) -> Actor:
    return sign_up(service)


@pytest.fixture
def eve(app: Flask) -> Actor:
    """Somebody whose calls need be tried in one way only: in process."""
    return sign_up(InProcess(app))


@pytest.fixture
def bob(service: Service) -> Actor:
    return sign_up(service, name="Bob")


@pytest.fixture
def admin(request: pytest.FixtureRequest, service: Service) -> Actor:
    """An admin: at a URL, whoever `ADMIN_EMAIL` and `ADMIN_PASSWORD` name."""
    if isinstance(service, Remote):
        admin = Actor(service, os.environ["ADMIN_EMAIL"], password=os.environ["ADMIN_PASSWORD"])
        return log_in(admin)
    admin = sign_up(service, name="Root")
    app: Flask = request.getfixturevalue("app")
    app.test_cli_runner().invoke(args=["users", "promote", admin.email])
    return admin


@pytest.fixture(scope="session")
def witness(service: Service) -> Actor:
    """Somebody for tests that change nothing of theirs."""
    return sign_up(service, name="Witness")


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3]:
    with s3() as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Place:
    return folder_of(tmp_path)


@pytest.fixture(params=["folder", "S3"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Where files are kept, once in a folder and once in S3."""
    if request.param == "folder":
        return folder_of(tmp_path)
    return bucket_of(request.getfixturevalue("s3_server"), tmp_path, monkeypatch)


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def mailing(database_url: str) -> Callable[..., InProcess]:
    """Makes a service that mails by the server on a port."""

    def make(port: int, **settings: str) -> InProcess:
        smtp = {"SMTP_HOST": "localhost", "SMTP_PORT": str(port), "SMTP_TLS": "none"}
        return InProcess(create_app(environment(database_url, **{**smtp, **settings})))

    return make
