"""The units for hosts without containers."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deployment import SYSTEMD

ANALYZE = shutil.which("systemd-analyze") or ""
"""Of systemd 250 or newer, which can look at files alone; elsewhere these tests are skipped."""


def is_new_enough() -> bool:
    if not ANALYZE:
        return False
    told = subprocess.run([ANALYZE, "--version"], capture_output=True, text=True, check=True)
    return int(re.findall(r"systemd (\d+)", told.stdout)[0]) >= 250


pytestmark = pytest.mark.skipif(not is_new_enough(), reason="there is no systemd-analyze >= 250")


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units, for the environment that the tests run in."""
    shutil.copytree(SYSTEMD, tmp_path, dirs_exist_ok=True)
    for path in filter(Path.is_file, tmp_path.rglob("*")):
        text = path.read_text().replace("/opt/playlist-api/.venv", sys.prefix)
        path.write_text(text.replace("/opt/playlist-api", str(tmp_path)))
    return tmp_path


def analyze(units: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ANALYZE, *arguments],
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{units}:"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_systemd_understands_every_unit(units: Path) -> None:
    verified = analyze(units, "verify", "--man=no", *filter(Path.is_file, units.iterdir()))
    assert (verified.returncode, verified.stderr) == (0, "")


@pytest.mark.parametrize("name", [path.name for path in sorted(SYSTEMD.glob("*.service"))])
def test_a_service_is_confined(units: Path, name: str) -> None:
    rated = analyze(units, "security", "--offline=yes", "--threshold=15", units / name)
    assert rated.returncode == 0, rated.stdout


@pytest.mark.parametrize("name", [path.stem for path in sorted(SYSTEMD.glob("*.service"))])
def test_only_those_that_own_the_tables_get_the_owners_url(name: str) -> None:
    # In systemd's order, in which the last file wins.
    read = [SYSTEMD / f"{name}.service", *SYSTEMD.glob("playlist-.service.d/*.conf")]
    files = re.findall(r"(?m)^EnvironmentFile=(.+)", "".join(path.read_text() for path in read))
    owner = ["/etc/playlist-api/owner"] * name.endswith(("migrate", "backup"))
    assert files == ["/etc/playlist-api/environment", *owner]


def test_every_timer_has_its_service() -> None:
    timers = {path.stem for path in SYSTEMD.glob("*.timer")}
    assert timers == {"playlist-api-prune", "playlist-api-backup"}
    assert timers < {path.stem for path in SYSTEMD.glob("*.service")}
