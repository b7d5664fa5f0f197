"""Backups of the database: made, found, and put back.

A backup is two files: NAME.dump, and NAME.json, which describes it and is written last. So what
was interrupted is no backup, and what is listed is whole.
"""

import hashlib
import json
import re
import secrets
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, post_load
from sqlalchemy import Engine

from playlist_api.backups import dumps, snapshots
from playlist_api.posters.storage import File, Storage, StorageError

NAME = re.compile(r"([0-9]{8}T[0-9]{6}Z-[0-9a-f]{6})\.(dump|json)(\.[0-9a-f]{8}\.partial)?")

MAX_DESCRIPTION = 1024 * 1024

Progress = Callable[[str, int], None]
"""Is told what is done, and to how many bytes so far."""


class BackupError(Exception):
    """There is no such backup, or it cannot be put there; the message is a sentence."""


@dataclass(frozen=True)
class Backup:
    """What a backup holds, and how to tell that it still does."""

    name: str
    created: datetime
    size: int
    sha256: str
    revision: str
    """The migration that the tables were at."""
    server: str
    pg_dump: str
    rows: dict[str, int]

    @property
    def data(self) -> str:
        return f"{self.name}.dump"

    @property
    def description(self) -> str:
        return f"{self.name}.json"


class _BackupSchema(Schema):
    class Meta:
        unknown = EXCLUDE

    name = fields.String(required=True)
    created = fields.AwareDateTime(required=True, default_timezone=UTC)
    size = fields.Integer(required=True, strict=True)
    sha256 = fields.String(required=True)
    revision = fields.String(required=True)
    server = fields.String(required=True)
    pg_dump = fields.String(required=True)
    rows = fields.Dict(fields.String(), fields.Integer(strict=True), required=True)

    @post_load
    def _backup(self, data: dict[str, Any], **_: Any) -> Backup:
        return Backup(**data)


_backup_schema = _BackupSchema()


@dataclass(frozen=True)
class Catalogue:
    """What a storage holds."""

    complete: list[Backup]
    """The newest first."""
    broken: dict[str, str]
    """Why backups by these names are none."""
    leftovers: list[File]
    """Data that no description belongs to, and half-written files."""

    def find(self, name: str) -> Backup:
        """Return the backup of this name; `latest` is the newest.

        :raises BackupError: when it is not there, or not whole.
        """
        if name in self.broken:
            raise BackupError(f"{name} is broken: {self.broken[name]}.")
        for backup in self.complete:
            if name in {backup.name, "latest"}:
                return backup
        told = "There is no backup" + (f" {name!r}." if self.complete else ".")
        raise BackupError(told)


def catalogue(storage: Storage) -> Catalogue:
    """Look through a storage; files that are not of backups are passed over."""
    files = {file.name: file for file in storage.files() if NAME.fullmatch(file.name)}
    found: list[Backup] = []
    broken: dict[str, str] = {}
    described = {name[:-5] for name in files if name.endswith(".json")}
    for name in described:
        try:
            found.append(_described(storage, name, files))
        except BackupError as error:
            broken[name] = str(error)
    found.sort(key=lambda backup: backup.created, reverse=True)
    parts = {f"{name}.{part}" for name in described for part in ("dump", "json")}
    leftovers = [files[name] for name in sorted(files.keys() - parts)]
    return Catalogue(found, dict(sorted(broken.items(), reverse=True)), leftovers)


def _described(storage: Storage, name: str, files: dict[str, File]) -> Backup:
    file = files[f"{name}.json"]
    if file.size > MAX_DESCRIPTION:
        raise BackupError("its description is none")
    try:
        backup: Backup = _backup_schema.load(json.loads(b"".join(storage.read(file))))
    except (ValueError, ValidationError) as error:
        raise BackupError("its description is none") from error
    if backup.name != name:
        raise BackupError("its description is another one's")
    if backup.data not in files:
        raise BackupError("its data is missing")
    if (size := files[backup.data].size) != backup.size:
        raise BackupError(f"its data is of {size} bytes instead of {backup.size}")
    return backup


def create(storage: Storage, engine: Engine, progress: Progress) -> Backup:
    """Back a database up as of now.

    :raises StorageError, DumpError, DatabaseError: when that failed, and left nothing.
    """
    created = datetime.now(UTC)
    name = f"{created:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
    with snapshots.snapshot(engine) as snapshot:
        tool = dumps.find_tool("pg_dump", dumps.major(snapshot.server))
        pieces = dumps.dump(tool, snapshots.parameters(engine), snapshot.id)
        # From its first piece on pg_dump holds the snapshot itself.
        first = next(pieces, b"")
    sha256, size = hashlib.sha256(), 0
    with closing(pieces), storage.write(f"{name}.dump", snapshot.size) as write:
        for piece in chain([first], pieces):
            write(piece)
            sha256.update(piece)
            size += len(piece)
            progress("Writing", size)
    backup = Backup(
        name,
        created,
        size,
        sha256.hexdigest(),
        snapshot.revision,
        snapshot.server,
        tool.version,
        snapshot.rows,
    )
    _describe(storage, backup)
    return backup


def _describe(storage: Storage, backup: Backup) -> None:
    try:
        with storage.write(backup.description) as write:
            write(_backup_schema.dumps(backup, indent=2).encode())
    except BaseException:
        with suppress(StorageError):
            storage.delete(backup.data)
        raise
