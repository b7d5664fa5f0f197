"""Deleting pictures that no movie shows any more."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from uuid import UUID

from sqlalchemy import case, delete, exists, func, null, select, update

from playlist_api.db.engine import db
from playlist_api.db.models import Movie, StoredPicture, picture_shown
from playlist_api.posters.media import HASH_LENGTH, PICTURE_FILE, TYPES
from playlist_api.posters.service import lock_picture
from playlist_api.posters.storage import PARTIAL, Storage

PICTURE_BATCH = 50
"""Pictures looked for in one statement."""

UNUSED_GRACE = timedelta(days=1)
"""How long an unused picture stays, so that changes can be undone and exports imported again."""

_is_shown = (
    exists()
    .where(picture_shown == StoredPicture.name, Movie.owner_id == StoredPicture.owner_id)
    .correlate(StoredPicture)
)


def forget_unused() -> int:
    """Delete the rows of pictures that no movie of their owner has shown for a day.

    :return: how many were deleted.
    """
    forgotten = 0
    owner_id: UUID | None = UUID(int=0)
    following = select(StoredPicture.owner_id).order_by(StoredPicture.owner_id).limit(1)
    while owner_id := db.session.scalar(following.where(StoredPicture.owner_id > owner_id)):
        owned = StoredPicture.owner_id == owner_id
        unused_since = case((_is_shown, null()), else_=func.now())
        outdated = StoredPicture.unused_since.is_(None) != _is_shown
        db.session.execute(
            update(StoredPicture).where(owned, outdated).values(unused_since=unused_since)
        )
        expired = StoredPicture.unused_since <= func.now() - UNUSED_GRACE
        deleting = delete(StoredPicture).where(owned, expired).returning(StoredPicture.name)
        forgotten += len(db.session.scalars(deleting).all())
        db.session.commit()
    return forgotten


def delete_files(storage: Storage) -> Iterator[str]:
    """Delete files of pictures that no row names and no movie shows, and yield their names.

    What interrupted writes have left is deleted too.

    :raises StorageError: when the storage is away.
    """
    pictures = defaultdict(list)
    for file in storage.files():
        if PICTURE_FILE.fullmatch(file.name):
            pictures[file.name[:HASH_LENGTH]].append(file.name)
        elif file.name.endswith(PARTIAL) and datetime.now(UTC) - file.changed > UNUSED_GRACE:
            storage.delete(file.name)
            yield file.name
    hashes = iter(sorted(pictures))
    while batch := list(islice(hashes, PICTURE_BATCH)):
        unused = sorted(set(batch) - _in_use(batch))
        db.session.rollback()
        for picture in unused:
            lock_picture(picture)
            if not _in_use([picture]):
                # The small version last: a picture that exists is complete.
                for file_name in sorted(pictures[picture], reverse=True):
                    storage.delete(file_name)
                    yield file_name
            db.session.commit()


def _in_use(hashes: Iterable[str]) -> set[str]:
    # A small version's name does not tell the picture's suffix.
    names = [f"{picture}.{suffix}" for picture in hashes for suffix in TYPES]
    stored = select(StoredPicture.name).where(StoredPicture.name.in_(names))
    shown = select(picture_shown).where(picture_shown.in_(names))
    return {name[:HASH_LENGTH] for rows in (stored, shown) for name in db.session.scalars(rows)}
