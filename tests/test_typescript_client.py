"""The TypeScript client: its types, and its tests against the running service."""

import os
import subprocess
import sys
from pathlib import Path

from tests.service import ROOT, Gunicorn

CLIENT = ROOT / "clients" / "typescript"
TOOLS = Path(sys.executable).parent


def test_the_typescript_client_keeps_its_promises(served: Gunicorn) -> None:
    assert (CLIENT / "node_modules").is_dir(), f"npm ci has not been run in {CLIENT}."
    environment = {
        **os.environ,
        "PATH": f"{TOOLS}{os.pathsep}{os.environ['PATH']}",
        "PLAYLIST_API_URL": f"http://127.0.0.1:{served.port}",
    }
    tested = subprocess.run(
        [TOOLS / "npm", "test"],
        cwd=CLIENT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )
    assert tested.returncode == 0, tested.stdout
