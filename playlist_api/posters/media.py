"""Where pictures are stored: each under the hash of its content, with a small version beside it."""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from flask import Flask, current_app

from playlist_api.config import Settings
from playlist_api.errors import ServiceUnavailable
from playlist_api.ops.bulkheads import Bulkhead, client_keys
from playlist_api.posters.storage import Storage, StorageError, open_storage

SMALL_WIDTH = 400
"""Pixels of the small version, unless the picture is narrower."""

SUFFIXES = {"PNG": "png", "JPEG": "jpg", "WEBP": "webp", "GIF": "gif"}
TYPES = {suffix: f"image/{name.lower()}" for name, suffix in SUFFIXES.items()}

HASH_LENGTH = 64
PICTURE_FILE = re.compile(
    rf"[0-9a-f]{{{HASH_LENGTH}}}(?:-{SMALL_WIDTH}\.webp|\.(?:{'|'.join(TYPES)}))"
)
"""The name of a picture or of its small version, which start with the same hash."""

MEDIA_HEADERS = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "Content-Disposition": "inline",
}
"""Sent by every server of pictures. A year is the most that caches honour (RFC 9111, 1.2.2)."""

AWAY = "Pictures cannot be kept at the moment. Please try again in a little while."

log = logging.getLogger(__name__)

storing = Bulkhead("storage", 8, queue=8, timeout=5, busy=AWAY)
"""Bounds the threads that wait for a storage that is away: obstore gives up after 5 seconds."""


@dataclass(frozen=True)
class Media:
    """A storage, the URL at which it is served, and how many bytes a user may store there."""

    storage: Storage
    url: str
    quota: int

    def keep(self, files: Mapping[str, bytes]) -> None:
        """Write the files in order, unless the last one exists, and so all of them.

        :raises TooManyRequests, ServiceUnavailable: when the storage is away or busy.
        """
        with storing.slot(*client_keys()):
            try:
                if not self.storage.has(list(files)[-1]):
                    for name, content in files.items():
                        headers = {**MEDIA_HEADERS, "Content-Type": media_type(name)}
                        with self.storage.write(name, len(content), headers) as write:
                            write(content)
            except StorageError as error:
                log.warning("The storage of pictures is away: %s", error)
                raise ServiceUnavailable(AWAY) from error


def init_app(app: Flask, settings: Settings) -> None:
    """Open the storage of pictures, if one is configured; nothing connects yet."""
    app.extensions["media"] = None
    if settings.media_storage:
        storage = open_storage(settings.media_storage, public=True)
        quota = settings.media_quota * 1024 * 1024
        app.extensions["media"] = Media(storage, settings.media_url, quota)


def media() -> Media | None:
    """Return where the application stores pictures, or None if it takes none."""
    return cast(Media | None, current_app.extensions["media"])


def small_name(name: str) -> str:
    """Return the name of a picture's small version."""
    return f"{name[:HASH_LENGTH]}-{SMALL_WIDTH}.webp"


def media_type(name: str) -> str:
    return TYPES[name.rpartition(".")[2]]
