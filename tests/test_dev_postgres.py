"""The database of `make run` and of the tests, which needs no set-up and leaves nothing behind."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from sqlalchemy import make_url

from dev.cluster import PostgresError, taken
from dev.postgres import running
from dev.processes import eventually
from tests.support.roles import ask
from tests.support.service import ROOT

OWNER = """
import sys
from pathlib import Path
from dev.postgres import running

with running(Path(sys.argv[1])) as url:
    print(url, flush=True)
    sys.stdin.read()
"""
NUMBER = "SELECT number FROM kept"


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


def test_it_serves_in_utf8_not_on_the_network_and_makes_a_dropped_database_again(
    home: Path,
) -> None:
    interrupted = home / "data.1"  # an initdb
    interrupted.mkdir(parents=True)
    (interrupted / "PG_VERSION").write_text("18\n")
    with running(home) as url:
        assert not interrupted.exists()
        assert ask(url, "SELECT current_database()") == "playlist"
        assert ask(url, "SHOW server_encoding") == "UTF8"
        assert ask(url, "SHOW listen_addresses") == ""
        assert (home / "socket").stat().st_mode & 0o777 == 0o700
        ask(url.replace("/playlist?", "/postgres?"), "DROP DATABASE playlist")
    assert not lives(home)
    with running(home, throwaway=True) as url:
        assert ask(url, "SHOW fsync") == "off"
    assert not home.exists()


def test_data_outlive_a_killed_server(kept: Path) -> None:
    with running(kept):
        os.kill(postmaster(kept), signal.SIGKILL)
    with running(kept) as url:
        assert ask(url, NUMBER) == 42


def test_two_owners_share_a_server_and_the_last_one_stops_it(kept: Path) -> None:
    with running(kept) as url:
        with running(kept) as same:
            assert same == url
        assert ask(url, NUMBER) == 42
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


def test_a_server_whose_keeper_was_killed_is_adopted(kept: Path) -> None:
    before = set(psutil.Process().children())
    with running(kept):
        first = postmaster(kept)
        (keeper,) = set(psutil.Process().children()) - before
        keeper.kill()
    with running(kept):
        assert postmaster(kept) == first
    assert not lives(kept)


def test_neither_a_process_id_in_use_again_nor_the_shell_s_settings_matter(
    kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = f"{os.getpid()}\n{kept}/data\n"
    (kept / "data/postmaster.pid").write_text(pid)
    (kept / "socket/.s.PGSQL.5432.lock").write_text(pid)
    monkeypatch.setenv("PGPORT", "1")
    monkeypatch.setenv("PGDATA", "/nowhere")
    with running(kept) as url:
        assert ask(url, NUMBER) == 42


@pytest.mark.parametrize("name", ["a space, é, 100%, a @ and a 'quote'", "long" * 30])
def test_any_path_will_do_even_below_a_folder_closed_to_others(
    kept: Path, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).mkdir(mode=0o700)
    home = kept.rename(tmp_path / name / "postgres")
    try:
        with running(home) as url:
            assert ask(url, NUMBER) == 42
            sockets = Path(str(make_url(url).query["host"]))
            assert sockets.samefile(home / "socket")
    finally:
        home.rename(kept)


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
