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

from playlist_api.api.identity import Identity, active_user
from playlist_api.db.engine import db
from playlist_api.db.models import StoredPicture, User
from playlist_api.errors import NotFound, Problem, SessionEnded
from playlist_api.ops.clients import client_keys
from playlist_api.posters.images import Picture, bulkhead
from playlist_api.posters.media import Media, media

FULL = Problem(
    "quota_exceeded",
    "does not fit: your pictures may take {} MiB together. Those that no movie shows go in a day.",
)


def kept_for_caller(fields: Mapping[str, Any], identity: Identity) -> Mapping[str, Any]:
    """Keep the picture among a movie's fields, if there is one, and put its URL in its place.

    :raises Unauthorized: when the caller's session has ended.
    :raises ValidationError: when the caller's pictures would take too much room.
    :raises ServiceUnavailable: when pictures cannot be kept at the moment.
    """
    picture = fields.get("image_url")
    if not isinstance(picture, Picture):
        return fields
    address = _kept(picture, active_user, **identity._asdict())
    if address is None:
        raise SessionEnded
    return {**fields, "image_url": address}


def kept_for_owner(changes: Mapping[str, Any], owner_id: UUID) -> Mapping[str, Any]:
    """Keep the picture among changes of somebody's movie, and put its URL in its place.

    :raises NotFound: when that somebody was deleted a moment ago.
    :raises ValidationError, ServiceUnavailable: as `kept_for_caller` does.
    """
    address = _kept(changes["image_url"], select(User).where(User.id == owner_id))
    if address is None:
        raise NotFound("There is no such movie.")
    return {**changes, "image_url": address}


def _kept(picture: Picture, owner: Select[Any], **parameters: Any) -> str | None:
    """Keep a picture for a user, and return its URL; None if there is no such user."""
    place = cast(Media, media())
    db.session.commit()  # so that no connection is held while waiting
    with bulkhead.slot(*client_keys()):
        # The user's pictures take turns; what only refers to the user need not wait.
        user = db.session.scalar(owner.with_for_update(key_share=True, of=User), parameters)
        if user is None:
            return None
        _note(picture, user.id, place.quota)
        db.session.commit()
    place.keep(picture.files)
    return place.address(picture.name)


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
