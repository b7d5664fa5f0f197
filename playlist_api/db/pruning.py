"""Deleting expired rows."""

from typing import Any

from sqlalchemy import delete, func, select

from playlist_api.db.engine import db
from playlist_api.db.models import IdempotencyKey, PasswordReset, RateLimit, Session

PRUNE_BATCH = 1000
"""Rows deleted in one transaction, so that no lock is held for long."""

EXPIRIES = {
    "Session": (Session.id, Session.expires_at),
    "PasswordReset": (PasswordReset.token_hash, PasswordReset.expires_at),
    "IdempotencyKey": (IdempotencyKey.key_hash, IdempotencyKey.expires_at),
    "RateLimit": (RateLimit.key, RateLimit.used_until),
}


def prune(most: int) -> dict[str, int]:
    """Delete at most so many expired rows of each table, and return how many were deleted."""
    return {table: _prune(key, expiry, most) for table, (key, expiry) in EXPIRIES.items()}


def _prune(key: Any, expiry: Any, most: int) -> int:
    deleted = 0
    while deleted < most:
        batch = min(PRUNE_BATCH, most - deleted)
        # A row that is in use is skipped, and deleted the next time.
        expired = select(key).where(expiry <= func.now()).limit(batch)
        expired = expired.with_for_update(skip_locked=True)
        pruning = delete(key.class_).where(key.in_(expired.scalar_subquery())).returning(key)
        pruned = len(db.session.scalars(pruning).all())
        db.session.commit()
        deleted += pruned
        if pruned < batch:
            break
    return deleted
