"""Migrations that run as they do in production, in a process of their own."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.service import ROOT, environment

TURN = "hashtext('alembic_version')"
HELD = """
    SELECT pid FROM pg_locks WHERE locktype = 'advisory'
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
MIGRATION = '''"""One more."""

from alembic import op

revision, down_revision = "{number:04}", "{previous:04}"


def upgrade() -> None:
    {deed}
'''


def with_one_more(folder: Path, deed: str) -> str:
    """Copy the migrations, and add one that does this deed."""
    copy = folder / "migrations"
    shutil.copytree(ROOT / "migrations", copy, ignore=shutil.ignore_patterns("__pycache__"))
    newest = max(int(file.name.partition("_")[0]) for file in copy.glob("versions/*.py"))
    added = MIGRATION.format(number=newest + 1, previous=newest, deed=deed)
    (copy / f"versions/{newest + 1:04}_added.py").write_text(added)
    return str(copy)


@contextmanager
def flask(url: str, *command: str) -> Iterator[subprocess.Popen[str]]:
    """Run `flask` on this database until the context is left."""
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "flask", "--app", "wsgi", *command],
        cwd=ROOT,
        env={**os.environ, **environment(url)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()
