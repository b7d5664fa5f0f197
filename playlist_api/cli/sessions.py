"""`flask sessions`: delete expired rows."""

from typing import Any

import click
from flask.cli import AppGroup
from sqlalchemy import delete, func, select

from playlist_api.cli.common import operating
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

sessions = AppGroup("sessions", help="Delete expired rows.")


@sessions.command("prune")
@click.option("--most", default=100_000, show_default=True, help="Rows of each kind to delete.")
def prune_expired(most: int) -> None:
    """Delete expired sessions, resets, idempotency keys and rate limits; for cron, once an hour."""
    with operating():
        for table, (key, expiry) in EXPIRIES.items():
            click.echo(f"{table}: {_prune(key, expiry, most)} deleted")


def _prune(key: Any, expiry: Any, most: int) -> int:
    deleted = 0
    while deleted < most:
        batch = min(PRUNE_BATCH, most - deleted)
        # Rows that are locked because they are in use wait for the next run.
        expired = select(key).where(expiry <= func.now()).limit(batch)
        expired = expired.with_for_update(skip_locked=True)
        pruning = delete(key.class_).where(key.in_(expired.scalar_subquery())).returning(key)
        pruned = len(db.session.scalars(pruning).all())
        db.session.commit()
        deleted += pruned
        if pruned < batch:
            break
    return deleted
