"""Where people's pictures are kept, and at which addresses they are served.

Each is a file named by the hash of its content, so that it never changes: whoever has it may keep
it for ever. A small one is beside it.
"""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from flask import Flask, current_app

from playlist_api.config import Settings
from playlist_api.errors import ServiceUnavailable
from playlist_api.ops.bulkheads import Bulkhead
from playlist_api.ops.clients import client_keys
from playlist_api.posters.storage import Storage, StorageError, open_storage

SMALL_WIDTH = 400
"""Pixels of the small one, if the picture is not smaller itself."""

SUFFIXES = {"PNG": "png", "JPEG": "jpg", "WEBP": "webp", "GIF": "gif"}
TYPES = {suffix: f"image/{name.lower()}" for name, suffix in SUFFIXES.items()}

NAME = re.compile(rf"([0-9a-f]{{64}})\.({'|'.join(TYPES)})")
SMALL_NAME = re.compile(r"([0-9a-f]{64})-400\.webp")

HEADERS = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "Content-Disposition": "inline",
}
"""Of whoever serves them. A year is the longest that caches heed (RFC 9111, section 1.2.2)."""

AWAY = "Pictures cannot be kept at the moment. Please try again in a little while."

log = logging.getLogger(__name__)


storing = Bulkhead("storage", 8, queue=8, timeout=5, busy=AWAY)
"""Bounds the threads that wait for a storage that is away: obstore gives up after 5 seconds."""


@dataclass(frozen=True)
class Media:
    """A storage, the URL below which it is served, and the bytes that somebody may keep there."""

    storage: Storage
    url: str
    quota: int

    def address(self, name: str) -> str:
        """Return the URL of a file."""
        return f"{self.url}/{name}"

    def keep(self, files: Mapping[str, bytes]) -> None:
        """Write the files in their order; if the last one is there, all of them are.

        :raises TooManyRequests, ServiceUnavailable: when the storage is away or busy.
        """
        with storing.slot(*client_keys()):
            try:
                if not self.storage.has(list(files)[-1]):
                    self._write(files)
            except StorageError as error:
                log.warning("The storage of pictures is away: %s", error)
                raise ServiceUnavailable(AWAY) from error

    def _write(self, files: Mapping[str, bytes]) -> None:
        for name, content in files.items():
            headers = {**HEADERS, "Content-Type": type_of(name)}
            with self.storage.write(name, len(content), headers) as write:
                write(content)


def init_app(app: Flask, settings: Settings) -> None:
    """Give the application its media, if there are any; nothing connects yet."""
    app.extensions["media"] = None
    if settings.media_storage:
        storage = open_storage(settings.media_storage, public=True)
        quota = settings.media_quota * 1024 * 1024
        app.extensions["media"] = Media(storage, settings.media_url, quota)


def media() -> Media | None:
    """Return the running application's media, if it takes pictures."""
    return cast(Media | None, current_app.extensions["media"])


def small_of(name: str) -> str:
    """Return the name of the small one beside a picture."""
    return f"{name.partition('.')[0]}-{SMALL_WIDTH}.webp"


def type_of(name: str) -> str:
    """Return the media type of a file."""
    return TYPES[name.rpartition(".")[2]]
