"""Putting a backup back into an empty database."""

import hashlib
from collections.abc import Iterator

from sqlalchemy import Connection, Engine

from playlist_api.backups import dumps, snapshots
from playlist_api.backups.backups import Backup, BackupError, Progress
from playlist_api.posters.storage import File, Storage


def restore(storage: Storage, backup: Backup, target: Engine, progress: Progress) -> None:
    """Put a backup into an empty database, whole or not at all, and count its rows there.

    :raises BackupError: when the backup is damaged, or the database not empty or too old.
    :raises StorageError, DumpError, DatabaseError: when it failed on the way.
    """
    tool = dumps.find_tool("pg_restore", dumps.major(backup.pg_dump))
    with snapshots.asking(target) as connection:
        _check_target(backup, tool, connection)
    for _ in _intact(storage, backup, "Checking", progress):
        pass
    # What is loaded is checked again, for it is read again.
    intact = _intact(storage, backup, "Loading", progress)
    dumps.load(tool, snapshots.parameters(target), intact)
    snapshots.analyze(target)
    with snapshots.asking(target) as connection:
        _compare(backup.rows, snapshots.count_rows(connection))


def _check_target(backup: Backup, tool: dumps.Tool, connection: Connection) -> None:
    database = connection.engine.url.database
    if held := snapshots.holdings(connection):
        raise BackupError(
            f"Database {database} is not empty, it has {held[0]} and {len(held) - 1} more:"
            " restore into a new one. Nothing was changed."
        )
    version = snapshots.server_version(connection)
    least = dumps.oldest_server(backup.server, tool)
    if dumps.major(version) < least:
        raise BackupError(
            f"Database {database} is of PostgreSQL {version}: this backup, of {backup.server} by"
            f" pg_dump {backup.pg_dump}, needs {least} or newer with pg_restore {tool.version}."
        )


def _intact(storage: Storage, backup: Backup, doing: str, progress: Progress) -> Iterator[bytes]:
    """Read the data, and keep the last piece back until all of it has proved to be intact."""
    sha256, size, kept = hashlib.sha256(), 0, b""
    for piece in storage.read(File(backup.data, backup.size, backup.created)):
        if kept:
            yield kept
        sha256.update(piece)
        size += len(piece)
        progress(doing, size)
        kept = piece
    if sha256.hexdigest() != backup.sha256:
        raise BackupError(
            f"{backup.name} is damaged: its data is not what was written (by its SHA-256)."
            " Nothing was loaded."
        )
    yield kept


def _compare(expected: dict[str, int], counted: dict[str, int]) -> None:
    if differing := sorted(
        name for name in expected.keys() | counted if expected.get(name) != counted.get(name)
    ):
        told = (f"{name} {counted.get(name)} instead of {expected.get(name)}" for name in differing)
        raise BackupError(f"The rows restored are not those backed up: {', '.join(told)}.")
