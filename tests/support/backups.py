"""Where tests keep backups, and how they call `flask backup`."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask

from playlist_api.backups.backups import Backup, catalogue
from playlist_api.posters.storage import Storage, open_storage
from tests.support.s3 import S3


@dataclass
class Place:
    """Where backups go."""

    url: str
    server: S3 | None = None

    @property
    def storage(self) -> Storage:
        return open_storage(self.url)

    @property
    def files(self) -> list[str]:
        return sorted(file.name for file in self.storage.files())

    @property
    def left(self) -> list[str]:
        """All that takes room there, uploads that nobody has ended included."""
        if not self.server:
            return self.files
        uploads = self.server.ask("GET", f"/{self.url.split('/')[2]}?uploads")[1]
        return [*self.files, *["an upload"] * uploads.count(b"<Upload>")]

    def read(self, name: str) -> bytes:
        (file,) = (file for file in self.storage.files() if file.name == name)
        return b"".join(self.storage.read(file))

    def write(self, name: str, content: bytes) -> None:
        self.storage.delete(name)
        with self.storage.write(name) as write:
            write(content)


def folder_of(tmp_path: Path) -> Place:
    (tmp_path / "backups").mkdir()
    return Place(str(tmp_path / "backups"))


def bucket_of(server: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    bucket = f"bucket-{tmp_path.name.replace('_', '-').lower()}"
    server.make_bucket(bucket)
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return Place(f"s3://{bucket}/of/playlists", server)


def flask(app: Flask, *arguments: str) -> Result:
    return app.test_cli_runner().invoke(args=["backup", *arguments])


def create(app: Flask) -> Backup:
    result = flask(app, "create")
    assert result.exit_code == 0, result.output
    name = result.stdout.split("\t")[0]
    return catalogue(open_storage(app.config["BACKUP_URL"])).find(name)


def refusal(result: Result) -> str:
    """The one sentence that a command fails with."""
    assert result.exit_code == 1, result.output
    assert isinstance(result.exception, SystemExit)
    (line,) = result.stderr.splitlines()
    return line.removeprefix("Error: ")
