"""The service under calls that nobody thought of: `python -m tests.fuzz.run [options]`.

schemathesis makes the calls up from the OpenAPI document, valid ones and others, and looks at each
answer: nothing of 500 and above, nothing that the document does not tell of, what is valid accepted
and what is not refused, no token ignored. The service is gunicorn
with two workers on a throw-away PostgreSQL, both started for it; the options are those of
`schemathesis run`, like `--seed 2 --max-time 60`. The exit status is 1 when something was found.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from flask_migrate import upgrade

from dev.postgres import running
from playlist_api.app import create_app
from tests.support.service import ROOT, Gunicorn, call, environment, gunicorn

DEFAULTS = ["--seed", "1", "--max-time", "600"]
"""Seconds: calls are made up until they have passed."""


def fuzz(service: Gunicorn, folder: Path, *options: str) -> int:
    """Call the service and return schemathesis's exit status.

    What it found it tells on standard output; files that nobody needs afterwards go to `folder`.
    """
    document = folder / "openapi.json"
    document.write_bytes(call(service, "GET", "/openapi.json").body)
    command = [
        *(sys.executable, "-m", "schemathesis.cli"),
        *("--config-file", str(Path(__file__).with_name("schemathesis.toml"))),
        *("run", str(document), "--url", f"http://127.0.0.1:{service.port}", *options),
    ]
    settings = {"HYPOTHESIS_STORAGE_DIRECTORY": str(folder / "hypothesis")}
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **settings}, check=False).returncode


def complaints(service: Gunicorn) -> str:
    """Return what the service has logged that it should have had no reason to."""
    errors = [f"{line}\n" for line in service.lines() if line["level"] >= 50]
    return "".join(errors) + (service.errors() if "Traceback" in service.errors() else "")


def main() -> int:
    """Fuzz a service started for it, and return the exit status."""
    # Only an exception closes what is open, and a signal would leave gunicorn behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with TemporaryDirectory(prefix="playlist-") as name:
        folder = Path(name)
        with running(folder / "postgres", throwaway=True) as url:
            with create_app(environment(url)).app_context():
                upgrade()
            with gunicorn(folder / "log", environment(url)) as service:
                status = fuzz(service, folder, *DEFAULTS, *sys.argv[1:])
                complained = complaints(service)
    sys.stdout.write(complained)
    return status or int(bool(complained))


if __name__ == "__main__":
    sys.exit(main())
