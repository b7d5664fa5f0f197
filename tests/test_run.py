"""`make run` in a copy of this checkout: it starts with no set-up and leaves nothing behind."""

import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

from dev.cluster import taken
from dev.processes import eventually
from dev.run import StartError, check_database, check_port, check_settings
from playlist_api.config import SettingsError
from tests.support.service import ROOT, free_port

RUN = [sys.executable, "-W", "error", "-m", "dev.run"]
MAKE = ["make", "-o", ".venv/installed", f"VENV={sys.executable}", "run"]
NOT_COPIED = shutil.ignore_patterns(".*", "instance", "*.egg-info", "node_modules")
SETTINGS = {"APP_ENV", "DATABASE_URL", "HOST", "SECRET_KEY", "MAKEFLAGS", "MAKELEVEL"}

by_make = pytest.mark.skipif(not shutil.which("make"), reason="there is no make")


class Run:
    """One `make run`, on a port of its own unless one is given."""

    def __init__(self, checkout: Path, command: list[str], port: int) -> None:
        self.checkout, self.port = checkout, port
        inherited = {name: value for name, value in os.environ.items() if name not in SETTINGS}
        self.process = subprocess.Popen(
            command,
            cwd=checkout,
            env=inherited | {"PORT": str(port), "WEB_CONCURRENCY": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def line(self, part: str) -> str:
        """Wait for a line with this part, and return it."""
        assert self.process.stdout
        said = []
        for line in self.process.stdout:
            said.append(line)
            if part in line:
                return line
        pytest.fail("".join(said))

    def status(self) -> int:
        """Wait until the output ends, with the last process that holds it; return the status."""
        self.process.communicate(timeout=30)
        return self.process.returncode

    def health(self) -> int:
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            connection.request("GET", "/health")
            return connection.getresponse().status

    def sign_up(self) -> str:
        """Paste the line of curl that it prints; return the status of the answer."""
        quietly = ["--silent", "--output", os.devnull, "--write-out", "%{http_code}"]
        command = [*shlex.split(self.line("curl")), *quietly, "--noproxy", "*"]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def assert_all_ended(self) -> None:
        self.status()
        eventually(self._database_ended, "the database has ended")
        socket.create_server(("127.0.0.1", self.port)).close()

    def _database_ended(self) -> bool:
        """Tell whether no process of the database lives: they all hold its lock."""
        with (self.checkout / "instance/postgres/server.lock").open("w") as lock:
            return taken(lock)


@contextmanager
def serving(checkout: Path, command: list[str] = RUN) -> Iterator[Run]:
    run = Run(checkout, command, free_port())
    try:
        yield run
    finally:
        run.process.terminate()
        run.status()


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shutil.copytree(ROOT, tmp_path_factory.mktemp("run") / "copy", ignore=NOT_COPIED)


@by_make
@pytest.mark.skipif(not shutil.which("curl"), reason="curl is what the line is for")
def test_the_line_it_prints_signs_up_and_ctrl_c_ends_everything(checkout: Path) -> None:
    with serving(checkout, MAKE) as run:
        assert run.sign_up() == "201"
        os.killpg(run.process.pid, signal.SIGINT)  # a terminal sends it to make and its children
        run.assert_all_ended()


def test_two_runs_share_a_database_that_remembers_until_both_have_ended(checkout: Path) -> None:
    with serving(checkout) as first, serving(checkout) as second:
        assert first.sign_up() in {"201", "409"}
        assert second.sign_up() == "409"
        first.process.send_signal(signal.SIGHUP)
        assert first.status() == 0
        assert second.health() == 200
        second.process.kill()
        second.assert_all_ended()


@by_make
def test_the_flask_command_finds_the_database_until_make_is_terminated(checkout: Path) -> None:
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "db", "current"]
    environment = {"APP_ENV": "development", "PATH": os.environ["PATH"]}
    with serving(checkout, MAKE) as run:
        run.line("serves on")
        done = subprocess.run(
            command, cwd=checkout, env=environment, capture_output=True, text=True
        )
        assert "(head)" in done.stdout
        assert (checkout / "instance/database_url").stat().st_mode & 0o777 == 0o600
        run.process.terminate()
        run.assert_all_ended()


def test_a_killed_server_ends_the_run_with_its_status(checkout: Path) -> None:
    with serving(checkout) as run:
        master = json.loads(run.line("Listening at"))["pid"]
        run.line("serves on")
        os.kill(master, signal.SIGKILL)
        assert run.status() == 128 + signal.SIGKILL
        run.assert_all_ended()


def test_a_port_in_use_is_told_in_one_sentence(checkout: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        run = Run(checkout, RUN, port := other.getsockname()[1])
        said, _ = run.process.communicate(timeout=30)
    assert said == f"Port {port} is in use; choose another: make run PORT=3002\n"
    assert run.process.returncode == 1


@pytest.mark.parametrize(
    ("check", "given", "said"),
    [
        (check_port, ("", "http"), r"PORT must be a number from 1 to 65535, not 'http'\."),
        (check_port, ("", "65536"), r"PORT must be a number from 1 to 65535, not '65536'\."),
        (check_port, ("198.51.100.1", "1"), r"HOST=198\.51\.100\.1 PORT=1 cannot be served: .*\."),
        (
            check_database,
            ("postgresql://u:p@s3cret@localhost/db",),
            "DATABASE_URL must have each .*",
        ),
        (check_database, ("postgres://u:s3cret@127.0.0.1:1/db",), "DATABASE_URL leads to no .*"),
    ],
)
def test_a_bad_setting_is_told_in_one_sentence_without_secrets(
    check: Callable[..., None], given: tuple[str, ...], said: str
) -> None:
    with pytest.raises(StartError, match=f"^{said}$") as refused:
        check(*given)
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    ("settings", "wrong"),
    [
        ({"DATABASE_URL": "nonsense"}, ["DATABASE_URL must be a postgresql:// URL."]),
        (
            {"DATABASE_URL": "postgresql://u:s3cret@localhost:x/db"},
            ["DATABASE_URL must be a postgresql:// URL."],
        ),
        ({"APP_ENV": "production"}, ["DATABASE_URL", "SECRET_KEY"]),
    ],
)
def test_what_the_application_refuses_is_told_in_its_words(
    settings: dict[str, str], wrong: list[str]
) -> None:
    with pytest.raises(SettingsError) as refused:
        check_settings({"APP_ENV": "development"} | settings)
    first, *lines = str(refused.value).splitlines()
    assert first == "Playlist API cannot start:"
    assert [line.strip()[: len(start)] for line, start in zip(lines, wrong, strict=True)] == wrong
