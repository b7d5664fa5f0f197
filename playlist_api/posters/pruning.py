"""Deleting pictures that nothing shows any more."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    case,
    delete,
    exists,
    func,
    null,
    select,
    tuple_,
    update,
)

from playlist_api.db.engine import db
from playlist_api.db.models import Movie, StoredPicture, picture_shown
from playlist_api.posters.media import NAME, SMALL_NAME, TYPES
from playlist_api.posters.service import lock
from playlist_api.posters.storage import PARTIAL, Storage

BATCH = 200
"""Rows, or files, that are looked at in one transaction."""

GRACE = timedelta(days=1)
"""How long a picture stays that no movie of its owner's shows: changes may be undone, exports be
imported again, and calls that add a movie be under way."""

FIRST = UUID(int=0), ""

Key = tuple[UUID, str]

_key = tuple_(StoredPicture.owner_id, StoredPicture.name)
_shown = (
    exists()
    .where(picture_shown == StoredPicture.name, Movie.owner_id == StoredPicture.owner_id)
    .correlate(StoredPicture)
)


def forget_unused() -> int:
    """Go through all rows, and delete those that their owner's movies have not shown for a day.

    :return: how many were deleted.
    """
    after, forgotten = FIRST, 0
    while last := _last_of_batch(after):
        in_batch = _between(after, last)
        db.session.execute(_note_use(in_batch))
        outdated = StoredPicture.unused_since <= func.now() - GRACE
        pruning = delete(StoredPicture).where(*in_batch, outdated).returning(StoredPicture.name)
        forgotten += len(db.session.scalars(pruning).all())
        db.session.commit()
        after = last
    return forgotten


def _between(after: Key, last: Key) -> tuple[ColumnElement[bool], ...]:
    # The owners go without saying, but PostgreSQL takes a range of pairs for a third of the table.
    owners = StoredPicture.owner_id.between(after[0], last[0])
    return owners, _key > tuple_(*after), _key <= tuple_(*last)


def _last_of_batch(after: Key) -> Key | None:
    batch = select(StoredPicture.owner_id, StoredPicture.name).where(_key > tuple_(*after))
    batch = batch.order_by(StoredPicture.owner_id, StoredPicture.name).limit(BATCH)
    rows = db.session.execute(batch).all()
    return (rows[-1].owner_id, rows[-1].name) if rows else None


def _note_use(in_batch: tuple[ColumnElement[bool], ...]) -> Any:
    unused_since = case((_shown, null()), else_=func.now())
    changed = StoredPicture.unused_since.is_(None) != _shown
    return update(StoredPicture).where(*in_batch, changed).values(unused_since=unused_since)


def delete_files(storage: Storage) -> Iterator[str]:
    """Delete the files of pictures that no row names and no movie shows, whoever's it is.

    Yields the name of each file. What is left of a writing that was interrupted goes as well.

    :raises StorageError: when the storage is away.
    """
    found = storage.files()
    pictures = {hashed for file in found if (hashed := _hash_of(file.name))}
    files: dict[str, list[str]] = {hashed: [] for hashed in sorted(pictures)}
    for file in found:
        if hashed := _hash_of(file.name):
            files[hashed].append(file.name)
        elif file.name.endswith(PARTIAL) and datetime.now(UTC) - file.changed > GRACE:
            yield from _delete(storage, [file.name])
    hashes = iter(files)
    while batch := list(islice(hashes, BATCH // len(TYPES))):
        unused = sorted(set(batch) - _in_use(batch))
        db.session.rollback()
        for hashed in unused:
            yield from _delete_unused(storage, hashed, files[hashed])


def _hash_of(file: str) -> str | None:
    found = NAME.fullmatch(file) or SMALL_NAME.fullmatch(file)
    return found[1] if found else None


def _in_use(hashes: Iterable[str]) -> set[str]:
    # Of a small one that is alone nobody can tell which suffix the picture's name has.
    names = [f"{hashed}.{suffix}" for hashed in hashes for suffix in TYPES]
    named = select(StoredPicture.name).where(StoredPicture.name.in_(names))
    shown = select(picture_shown).where(picture_shown.in_(names))
    used = [*db.session.scalars(named), *db.session.scalars(shown)]
    return {name.partition(".")[0] for name in used}


def _delete_unused(storage: Storage, hashed: str, files: list[str]) -> Iterator[str]:
    lock(hashed)
    if not _in_use([hashed]):
        # The picture before the small one: where it is, both are.
        yield from _delete(storage, sorted(files, reverse=True))
    db.session.commit()


def _delete(storage: Storage, files: Iterable[str]) -> Iterator[str]:
    for file in files:
        storage.delete(file)
        yield file
