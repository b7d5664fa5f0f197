"""Storing the pictures that users send: each once, charged to every user who has sent it.

A row is written before its files, and files are deleted only under the picture's lock when no row
names them. So as long as a row exists, files written after it stay.
"""

from collections.abc import Mapping
from typing import Any, cast
from uuid import UUID

from marshmallow import ValidationError
from sqlalchemy import Select, func, select
from sqlalchemy.dialects.postgresql import insert

from playlist_api.db.engine import db
from playlist_api.db.models import StoredPicture, User
from playlist_api.errors import ApiError, Problem
from playlist_api.ops.bulkheads import client_keys
from playlist_api.posters.images import Picture, picture_bulkhead
from playlist_api.posters.media import HASH_LENGTH, Media, media

QUOTA_EXCEEDED = Problem(
    "quota_exceeded",
    "does not fit: your pictures may take {} MiB together. Those that no movie shows go in a day.",
)


def has_picture(fields: Mapping[str, Any]) -> bool:
    """Tell whether a movie's fields have a picture in place of its URL."""
    return isinstance(fields.get("image_url"), Picture)


def keep_picture(
    fields: Mapping[str, Any], owner: Select[Any], missing: ApiError, **parameters: Any
) -> Mapping[str, Any]:
    """Store the picture among a movie's fields, and return the fields with its URL in its place.

    `owner` selects the user whom the picture counts for, with its parameters.

    :raises ApiError: `missing`, when there is no such user.
    :raises ValidationError: when the user's pictures would exceed their quota.
    :raises ServiceUnavailable: when the storage is away.
    """
    picture, storage = fields["image_url"], cast(Media, media())
    with picture_bulkhead.slot(*client_keys()):
        # One picture of a user at a time, for the sum; other references to the user need not wait.
        user = db.session.scalar(owner.with_for_update(key_share=True, of=User), parameters)
        if user is None:
            raise missing
        _charge(picture, user.id, storage.quota)
        db.session.commit()
    storage.keep(picture.files)
    return {**fields, "image_url": f"{storage.url}/{picture.name}"}


def _charge(picture: Picture, owner_id: UUID, quota: int) -> None:
    others = StoredPicture.owner_id == owner_id, StoredPicture.name != picture.name
    used = select(func.coalesce(func.sum(StoredPicture.bytes), 0)).where(*others)
    if db.session.scalars(used).one() + picture.size > quota:
        raise ValidationError(QUOTA_EXCEEDED.format(quota // 1024 // 1024), "imageUrl")
    lock_picture(picture.name)
    row = insert(StoredPicture).values(owner_id=owner_id, name=picture.name, bytes=picture.size)
    db.session.execute(
        row.on_conflict_do_update(
            index_elements=[StoredPicture.owner_id, StoredPicture.name],
            set_={StoredPicture.unused_since: None},
        )
    )


def lock_picture(name: str) -> None:
    """Lock a picture, by the hash in its name, against being stored or deleted until the commit."""
    number = func.hashtextextended(name[:HASH_LENGTH], 0)
    db.session.execute(select(func.pg_advisory_xact_lock(number)))
