"""The database of `make run` and of the tests, which needs no set-up and leaves nothing behind."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import NullPool, create_engine, make_url, text

from dev.cluster import PostgresError, taken
from dev.postgres import running
from tests.waiting import eventually

ROOT = Path(__file__).parents[1]
OWNER = """
import sys
from pathlib import Path
from dev.postgres import running

with running(Path(sys.argv[1])) as url:
    print(url, flush=True)
    sys.stdin.read()
"""


def ask(url: str, statement: str) -> Any:
    engine = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        answer = connection.execute(text(statement))
        return answer.scalar() if answer.returns_rows else None


def postmaster(home: Path) -> int:
    return int((home / "data/postmaster.pid").read_text().split()[0])


def lives(home: Path) -> bool:
    """Tell whether any process of a server lives: they all hold its lock."""
    with (home / "server.lock").open("w") as lock:
        return not taken(lock)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "postgres"


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cluster with a number in its database, whose server has been stopped."""
    home = tmp_path_factory.mktemp("kept") / "postgres"
    with running(home) as url:
        ask(url, "CREATE TABLE kept AS SELECT 42 AS number")
    return home


def test_it_serves_a_database_in_utf8_and_not_on_the_network(home: Path) -> None:
    with running(home) as url:
        assert ask(url, "SELECT current_database()") == "playlist"
        assert ask(url, "SHOW server_encoding") == "UTF8"
        assert ask(url, "SHOW listen_addresses") == ""
        assert (home / "socket").stat().st_mode & 0o777 == 0o700
    assert not lives(home)


def test_data_outlive_the_server(kept: Path) -> None:
    with running(kept) as url:
        assert ask(url, "SELECT number FROM kept") == 42


def test_data_outlive_a_killed_server(kept: Path) -> None:
    with running(kept):
        os.kill(postmaster(kept), signal.SIGKILL)
    with running(kept) as url:
        assert ask(url, "SELECT number FROM kept") == 42


def test_a_database_that_was_dropped_comes_back(home: Path) -> None:
    with running(home) as url:
        ask(url.replace("/playlist?", "/postgres?"), "DROP DATABASE playlist")
    with running(home) as url:
        assert ask(url, "SELECT 1") == 1


def test_two_owners_share_a_server_and_the_last_one_stops_it(kept: Path) -> None:
    with running(kept) as url:
        with running(kept) as same:
            assert same == url
        assert ask(url, "SELECT number FROM kept") == 42
    assert not lives(kept)


def test_a_killed_owner_leaves_no_server(kept: Path) -> None:
    command = [sys.executable, "-c", OWNER, str(kept)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe) as owner:
        assert owner.stdout
        assert owner.stdout.readline()
        assert lives(kept)
        owner.kill()
        eventually(lambda: not lives(kept), "the server has ended")


def test_a_server_whose_keeper_was_killed_is_adopted(
    kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keepers = []

    class Keeper(subprocess.Popen[str]):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            keepers.append(self)

    monkeypatch.setattr(subprocess, "Popen", Keeper)
    with running(kept):
        first = postmaster(kept)
        keepers[0].kill()
    with running(kept):
        assert postmaster(kept) == first
    assert not lives(kept)


def test_an_interrupted_initdb_does_not_hinder(home: Path) -> None:
    unfinished = home / "data.1"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")
    with running(home) as url:
        assert ask(url, "SELECT 1") == 1
    assert not unfinished.exists()


def test_a_process_id_in_use_again_does_not_hinder(kept: Path) -> None:
    pid = f"{os.getpid()}\n{kept}/data\n"
    (kept / "data/postmaster.pid").write_text(pid)
    (kept / "socket/.s.PGSQL.5432.lock").write_text(pid)
    with running(kept) as url:
        assert ask(url, "SELECT number FROM kept") == 42


@pytest.mark.parametrize("name", ["a space, é, 100%, a @ and a 'quote'", "long" * 30])
def test_any_path_will_do_even_below_a_folder_closed_to_others(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir(mode=0o700)
    with running(tmp_path / name / "postgres") as url:
        assert ask(url, "SELECT 1") == 1
        sockets = Path(str(make_url(url).query["host"]))
        assert sockets.samefile(tmp_path / name / "postgres/socket")
    assert not sockets.exists()


def test_a_throwaway_one_leaves_nothing(home: Path) -> None:
    with running(home, throwaway=True) as url:
        assert ask(url, "SHOW fsync") == "off"
    assert not home.exists()


def test_the_shell_s_own_postgres_settings_do_not_matter(
    kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPORT", "1")
    monkeypatch.setenv("PGDATA", "/nowhere")
    with running(kept) as url:
        assert ask(url, "SELECT number FROM kept") == 42


def test_data_of_another_major_version_are_refused_in_one_sentence(home: Path) -> None:
    (home / "data").mkdir(parents=True)
    (home / "data/PG_VERSION").write_text("9\n")
    with pytest.raises(PostgresError, match=r"^.* was made by PostgreSQL 9, .*$"), running(home):
        pass


def test_a_directory_that_cannot_be_used_is_told_in_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(PostgresError, match=r"^.* cannot use .*: File exists\.$"), running(file):
        pass


def test_a_server_that_does_not_start_is_told_with_its_reason(kept: Path, home: Path) -> None:
    (home / "data").mkdir(parents=True)
    shutil.copy(kept / "data/PG_VERSION", home / "data")
    with pytest.raises(PostgresError, match=r"^PostgreSQL does not start: .*\.conf"), running(home):
        pass
    assert not lives(home)
