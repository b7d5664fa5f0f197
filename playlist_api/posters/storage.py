"""Files in a bucket of S3 or in a folder, by one interface."""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex
from types import MappingProxyType
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

CHUNK = 8 * 1024 * 1024
PARTS = 10_000
"""The most that S3 puts together to one file."""

RETRY: Any = {}
"""Patience with a store that fails: obstore's own, ten times within three minutes."""

HASTE: Any = {"max_retries": 2, "retry_timeout": timedelta(seconds=5)}
HASTY: Any = {"connect_timeout": "1s", "timeout": "5s"}
"""Patience where somebody waits for the answer to a request: once more, and then no more."""

PARTIAL = ".partial"
"""The end of a file's name in a folder while it is being written."""

NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class StorageError(Exception):
    """The storage does not do as it is asked; the message is a sentence for a person."""


@dataclass(frozen=True)
class File:
    """What a storage holds."""

    name: str
    size: int
    changed: datetime


class Storage(Protocol):
    """A place for files."""

    def files(self) -> list[File]:
        """Return all of them."""

    def read(self, file: File) -> Iterator[bytes]:
        """Read a file in pieces, however long each takes to be used."""

    def write(
        self, name: str, size: int = 0, headers: Mapping[str, str] = NO_HEADERS
    ) -> AbstractContextManager[Callable[[bytes], object]]:
        """Make a file of what is written; it appears whole, at the end, or not at all.

        A size known beforehand need only be roughly right. A bucket serves it with the headers.
        """

    def has(self, name: str) -> bool:
        """Tell whether there is such a file."""

    def delete(self, name: str) -> None:
        """Delete a file; it may be gone already."""


@dataclass(frozen=True)
class Folder:
    """A folder, of whose files only this user can read any, or everybody if they are public."""

    path: Path
    public: bool = False

    def files(self) -> list[File]:
        with self._telling(), os.scandir(self._made()) as entries:
            found = [(entry.name, entry.stat()) for entry in entries if entry.is_file()]
        return [
            File(name, stat.st_size, datetime.fromtimestamp(stat.st_mtime, UTC))
            for name, stat in found
        ]

    def read(self, file: File) -> Iterator[bytes]:
        with self._telling(), (self.path / file.name).open("rb") as content:
            while chunk := content.read(CHUNK):
                yield chunk

    @contextmanager
    def write(
        self,
        name: str,
        size: int = 0,  # noqa: ARG002 - a bucket's
        headers: Mapping[str, str] = NO_HEADERS,  # noqa: ARG002 - a bucket's
    ) -> Iterator[Callable[[bytes], object]]:
        # Of a name of its own, for the same file may be written twice at once.
        partial = self.path / f"{name}.{token_hex(4)}{PARTIAL}"
        with self._telling():
            self._made()
            try:
                partial.touch(mode=0o600, exist_ok=False)
                if self.public:
                    partial.chmod(0o644)  # whatever the umask
                with partial.open("wb") as content:
                    yield content.write
                    content.flush()
                    os.fsync(content.fileno())
                partial.rename(self.path / name)
            except BaseException:
                partial.unlink(missing_ok=True)
                raise
            _keep_names(self.path)

    def has(self, name: str) -> bool:
        with self._telling():
            return (self.path / name).exists()

    def delete(self, name: str) -> None:
        with self._telling():
            (self.path / name).unlink(missing_ok=True)

    def _made(self) -> Path:
        if self.public:
            self.path.mkdir(exist_ok=True)
        return self.path

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StorageError(f"{self.path}: {error.strerror or error}.") from error


@dataclass(frozen=True)
class Bucket:
    """What is under a prefix in a bucket; credentials, region and endpoint are AWS_* variables."""

    url: str
    store: S3Store

    def files(self) -> list[File]:
        with self._telling():
            found = [file for batch in self.store.list() for file in batch]
        return [File(file["path"], file["size"], file["last_modified"]) for file in found]

    def read(self, file: File) -> Iterator[bytes]:
        # One request for all would time out while a slow reader uses its first piece.
        for start in range(0, file.size, CHUNK):
            end = min(start + CHUNK, file.size)
            with self._telling():
                chunk = bytes(obstore.get_range(self.store, file.name, start=start, end=end))
            yield chunk

    @contextmanager
    def write(
        self, name: str, size: int = 0, headers: Mapping[str, str] = NO_HEADERS
    ) -> Iterator[Callable[[bytes], object]]:
        how: Any = {"buffer_size": max(CHUNK, size // (PARTS // 2)), "max_concurrency": 2}
        with (
            self._telling(),
            # Leaving it by an exception aborts the upload.
            obstore.open_writer(self.store, name, attributes=dict(headers), **how) as content,
        ):
            yield content.write

    def has(self, name: str) -> bool:
        with self._telling(), suppress(FileNotFoundError):
            obstore.head(self.store, name)
            return True
        return False

    def delete(self, name: str) -> None:
        with self._telling():
            obstore.delete(self.store, name)

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except (BaseError, OSError) as error:
            raise StorageError(f"{self.url}: {_reason(error)}") from error


def open_storage(url: str, *, public: bool = False) -> Storage:
    """Open `s3://bucket/prefix`, `file:///folder` or a folder by its absolute path.

    What is public is served by others, and written while a request waits, so not for long.

    :raises StorageError: when it cannot be there; whether it is, its first use shows.
    """
    if not url.startswith("s3://"):
        path = unquote(urlsplit(url).path) if url.startswith("file://") else url
        return Folder(Path(path), public)
    endpoint = os.environ.get("AWS_ENDPOINT_URL") or "https://"
    if not endpoint.startswith(("https://", "http://")):
        raise StorageError("AWS_ENDPOINT_URL must be an http or https URL.")
    # The endpoint says itself whether it is http.
    options: Any = {"allow_http": True, **(HASTY if public else {})}
    try:
        store = S3Store.from_url(
            url, client_options=options, retry_config=HASTE if public else RETRY
        )
    except BaseError as error:
        raise StorageError(f"{url}: {_reason(error)}") from error
    return Bucket(url, store)


def _keep_names(folder: Path) -> None:
    """Have the folder's names survive a loss of power, as `fsync` does for a file's content."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _reason(error: Exception) -> str:
    """Return the sentence in what obstore tells, which goes on for a page."""
    told = str(error).partition("\n\nDebug source")[0]
    if "/latest/api/token" in told or "/latest/meta-data" in told:
        return "No credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give a role."
    code = re.search("<Code>([^<]*)</Code>", told)
    message = re.search("<Message>([^<]*)</Message>", told)
    if code and message:
        return f"{message[1].removesuffix('.')} ({code[1]})."
    return told.splitlines()[0].rpartition(" - ")[2].removesuffix(".") + "."
