"""`make run` in a copy of this checkout: it starts with no set-up and leaves nothing behind."""

import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path

import pytest

from dev.cluster import taken
from tests.service import ROOT, free_port
from tests.waiting import eventually

RUN = [sys.executable, "-W", "error", "-m", "dev.run"]
MAKE = ["make", "-o", ".venv/installed", f"VENV={sys.executable}", "run"]
NOT_COPIED = shutil.ignore_patterns(".*", "instance", "__pycache__", "*.egg-info")
SETTINGS = {"APP_ENV", "DATABASE_URL", "HOST", "SECRET_KEY", "MAKEFLAGS", "MAKELEVEL"}


@dataclass
class Run:
    """One `make run`, on a port of its own."""

    checkout: Path
    settings: dict[str, str] = field(default_factory=dict)
    command: list[str] = field(default_factory=lambda: RUN)

    def __post_init__(self) -> None:
        self.port = free_port()
        inherited = {name: value for name, value in os.environ.items() if name not in SETTINGS}
        self.process = subprocess.Popen(
            self.command,
            cwd=self.checkout,
            env=inherited | {"PORT": str(self.port), "WEB_CONCURRENCY": "1"} | self.settings,
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


@contextmanager
def serving(checkout: Path, command: list[str] = RUN) -> Iterator[Run]:
    run = Run(checkout, command=command)
    try:
        run.line("serves on")
        yield run
    finally:
        run.process.terminate()
        run.status()


def refusal(checkout: Path, **settings: str) -> str:
    """Run what must not start, and return all that it says."""
    run = Run(checkout, settings)
    said, _ = run.process.communicate(timeout=30)
    assert run.process.returncode == 1
    return said


def database_lives(checkout: Path) -> bool:
    """Tell whether any process of the database lives: they all hold its lock."""
    with (checkout / "instance/postgres/server.lock").open("w") as lock:
        return not taken(lock)


def assert_all_ended(run: Run) -> None:
    run.status()
    eventually(lambda: not database_lives(run.checkout), "the database has ended")
    socket.create_server(("127.0.0.1", run.port)).close()


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shutil.copytree(ROOT, tmp_path_factory.mktemp("run") / "copy", ignore=NOT_COPIED)


def sign_up_as_shown(run: Run) -> str:
    """Paste the line of curl; return the status of the answer."""
    quietly = ["--silent", "--output", os.devnull, "--write-out", "%{http_code}", "--noproxy", "*"]
    command = [*shlex.split(run.line("curl")), *quietly]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is what the line is for")
def test_the_line_it_prints_signs_up_and_a_second_start_remembers(checkout: Path) -> None:
    with serving(checkout) as run:
        assert sign_up_as_shown(run) == "201"
    with serving(checkout) as run:
        assert sign_up_as_shown(run) == "409"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_everything(checkout: Path, number: signal.Signals) -> None:
    with serving(checkout) as run:
        run.process.send_signal(number)
        assert run.status() == 0
        assert not database_lives(checkout)
        assert_all_ended(run)


@pytest.mark.skipif(not shutil.which("make"), reason="there is no make")
def test_ctrl_c_ends_everything_that_make_started(checkout: Path) -> None:
    with serving(checkout, MAKE) as run:
        os.killpg(run.process.pid, signal.SIGINT)  # a terminal sends it to make and its children
        assert_all_ended(run)


@pytest.mark.skipif(not shutil.which("make"), reason="there is no make")
def test_terminating_make_ends_everything_that_it_started(checkout: Path) -> None:
    with serving(checkout, MAKE) as run:
        run.process.terminate()
        assert_all_ended(run)


def test_killing_it_ends_everything_that_it_started(checkout: Path) -> None:
    with serving(checkout) as run:
        run.process.kill()
        assert_all_ended(run)


def test_a_killed_server_ends_the_run_with_its_status(checkout: Path) -> None:
    run = Run(checkout)
    master = json.loads(run.line("Listening at"))["pid"]
    run.line("serves on")
    os.kill(master, signal.SIGKILL)
    assert run.status() == 128 + signal.SIGKILL
    assert_all_ended(run)


def test_two_runs_share_the_database_until_both_are_terminated(checkout: Path) -> None:
    with serving(checkout) as first, serving(checkout) as second:
        first.process.terminate()
        assert first.status() == 0
        assert second.health() == 200
    assert_all_ended(second)


def test_the_flask_command_finds_the_database(checkout: Path) -> None:
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "db", "current"]
    with serving(checkout):
        environment = {"APP_ENV": "development", "PATH": os.environ["PATH"]}
        done = subprocess.run(
            command, cwd=checkout, env=environment, capture_output=True, text=True
        )
    assert "(head)" in done.stdout
    assert (checkout / "instance/database_url").stat().st_mode & 0o777 == 0o600


def test_a_port_in_use_is_told_in_one_sentence(checkout: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        said = refusal(checkout, PORT=port)
    assert said == f"Port {port} is in use; choose another: make run PORT=3002\n"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"PORT": "http"}, "PORT must be a number from 1 to 65535, not 'http'."),
        ({"PORT": "65536"}, "PORT must be a number from 1 to 65535, not '65536'."),
        ({"HOST": "198.51.100.1"}, "HOST=198.51.100.1 PORT="),
        ({"DATABASE_URL": "postgresql://u:p@s3cret@localhost/db"}, "DATABASE_URL must have each "),
        ({"DATABASE_URL": "postgres://u:s3cret@127.0.0.1:1/db"}, "DATABASE_URL leads to no "),
    ],
)
def test_a_bad_setting_is_told_in_one_sentence_without_secrets(
    checkout: Path, settings: dict[str, str], said: str
) -> None:
    sentence = refusal(checkout, **settings)
    assert sentence.startswith(said)
    assert sentence.count("\n") == 1
    assert "s3cret" not in sentence


@pytest.mark.parametrize("url", ["nonsense", "postgresql://u:s3cret@localhost:x/db"])
def test_a_setting_that_the_application_refuses_is_told_in_its_words(
    checkout: Path, url: str
) -> None:
    sentence = "Playlist API cannot start:\n  DATABASE_URL must be a postgresql:// URL.\n"
    assert refusal(checkout, DATABASE_URL=url) == sentence


def test_in_production_the_application_s_own_refusal_is_said_once(checkout: Path) -> None:
    said = refusal(checkout, APP_ENV="production")
    assert said.startswith("Playlist API cannot start:")
    assert said.count("DATABASE_URL") == said.count("SECRET_KEY") == 1
