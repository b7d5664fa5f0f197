"""Idempotency keys: a call that is repeated with its key takes effect once.

The service does what the IETF's draft-ietf-httpapi-idempotency-key-header asks of it; the draft
leaves to it for how long.
"""

import json
from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.sql.dml import ReturningInsert

from playlist_api.database import db
from playlist_api.errors import Conflict
from playlist_api.models import IdempotencyKey, Movie

LIFETIME = timedelta(days=1)
"""How long a key is kept: as long as the services do whose clients are used to such keys."""


def first_with_key(key: str, movie: Movie, fields: Mapping[str, Any]) -> Movie:
    """Claim the key for a movie that was added with these fields in the running transaction.

    When it was claimed before, the transaction is undone, and the first movie returned as it was
    then: of the same fields, so that the key's row need not keep them.

    :raises Conflict: when the first movie had other fields.
    """
    db.session.flush()
    owner_id, key_hash = movie.owner_id, _hash(f"{movie.owner_id} {key}")
    fields_hash = _hash(json.dumps(fields, sort_keys=True))
    if db.session.scalar(_claim(movie, key_hash, fields_hash)):
        return movie
    # A claim that fails has locked the row it met, which so is still there.
    first = db.session.get_one(IdempotencyKey, key_hash)
    db.session.expunge(first)
    db.session.rollback()
    if first.fields_hash != fields_hash:
        raise Conflict("This Idempotency-Key was used for another movie.")
    times = {"created_at": first.created_at, "updated_at": first.created_at}
    return Movie(id=first.movie_id, owner_id=owner_id, **times, **fields)


def _claim(movie: Movie, key_hash: str, fields_hash: str) -> ReturningInsert[tuple[str]]:
    claim = insert(IdempotencyKey).values(
        key_hash=key_hash,
        user_id=movie.owner_id,
        fields_hash=fields_hash,
        movie_id=movie.id,
        created_at=movie.created_at,
        expires_at=movie.created_at + LIFETIME,
    )
    # Of those who race, the first claims the key, and the others wait here until it has.
    claim = claim.on_conflict_do_update(
        index_elements=[IdempotencyKey.key_hash],
        set_=dict(claim.excluded),
        where=IdempotencyKey.expires_at <= func.now(),
    )
    return claim.returning(IdempotencyKey.key_hash)


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()
