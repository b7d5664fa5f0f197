"""Pictures that people send: each is kept once, and counts for whoever has sent it.

A picture's row is there before its files, and a file is deleted only by who holds the picture's
lock and finds no row of it. So whoever has its row knows that its files stay once they are written,
whatever is pruned meanwhile.
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
from playlist_api.ops.clients import client_keys
from playlist_api.posters.images import Picture, bulkhead
from playlist_api.posters.media import Media, media

FULL = Problem(
    "quota_exceeded",
    "does not fit: your pictures may take {} MiB together. Those that no movie shows go in a day.",
)


def has_picture(fields: Mapping[str, Any]) -> bool:
    """Tell whether a movie's fields hold a picture in place of its URL."""
    return isinstance(fields.get("image_url"), Picture)


def keep_picture(
    fields: Mapping[str, Any], owner: Select[Any], missing: ApiError, **parameters: Any
) -> Mapping[str, Any]:
    """Store the picture among a movie's fields for a user, and put its URL in its place.

    The error `missing` is raised when the statement `owner`, with its parameters, finds no user.

    :raises ValidationError: when the user's pictures would exceed their quota.
    :raises ServiceUnavailable: when the storage is away.
    """
    picture, storage = fields["image_url"], cast(Media, media())
    with bulkhead.slot(*client_keys()):
        # Requests that store a user's pictures take turns; those that only refer to the user don't.
        user = db.session.scalar(owner.with_for_update(key_share=True, of=User), parameters)
        if user is None:
            raise missing
        _note(picture, user.id, storage.quota)
        db.session.commit()
    storage.keep(picture.files)
    return {**fields, "image_url": f"{storage.url}/{picture.name}"}


def _note(picture: Picture, owner_id: UUID, quota: int) -> None:
    others = StoredPicture.owner_id == owner_id, StoredPicture.name != picture.name
    used = select(func.coalesce(func.sum(StoredPicture.bytes), 0)).where(*others)
    if db.session.scalars(used).one() + picture.size > quota:
        raise ValidationError(FULL.format(quota // 1024 // 1024), "imageUrl")
    lock(picture.hash)
    row = insert(StoredPicture).values(owner_id=owner_id, name=picture.name, bytes=picture.size)
    db.session.execute(
        row.on_conflict_do_update(
            index_elements=[StoredPicture.owner_id, StoredPicture.name],
            set_={StoredPicture.unused_since: None},
        )
    )


def lock(hashed: str) -> None:
    """Have others who add or delete this picture wait until the transaction ends."""
    db.session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(hashed, 0))))
