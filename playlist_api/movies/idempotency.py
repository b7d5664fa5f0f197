"""Idempotency keys: a call that is repeated with its key takes effect once.

The service does what the IETF's draft-ietf-httpapi-idempotency-key-header asks of it; the draft
leaves to it for how long.
"""

import json
from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256
from typing import Any

from playlist_api.api.identity import Identity
from playlist_api.errors import Conflict
from playlist_api.movies.queries import as_movie, movie_of_key, new_movie_with_key

LIFETIME = timedelta(days=1)
"""How long a key is kept: as long as the services do whose clients are used to such keys."""


def add_first(
    identity: Identity, fields: Mapping[str, Any], key: str, most: int
) -> dict[str, Any] | None:
    """Add a movie with these fields if the key is new, and return it; a list may have so many.

    If it is not, return the movie that was added with it, as it was then: of the same fields, so
    that the key's row need not keep them. Return None when the caller's session has ended, or the
    key is new while their list is imported.

    :raises Conflict: when that movie had other fields.
    """
    key_hash = _hash(f"{identity.user_id} {key}")
    fields_hash = _hash(json.dumps(fields, sort_keys=True))
    claim = {"key_hash": key_hash, "fields_hash": fields_hash, "lifetime": LIFETIME}
    for row in new_movie_with_key(
        movies_per_user=str(most), **claim, **fields, **identity._asdict()
    ):
        return as_movie(row)
    for first_hash, movie_id, created_at in movie_of_key(key_hash=key_hash, **identity._asdict()):
        if first_hash != fields_hash:
            raise Conflict("This Idempotency-Key was used for another movie.")
        values = (movie_id, fields["title"], fields["year"], fields["image_url"])
        return as_movie((*values, identity.user_id, created_at, created_at))
    return None


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()
