"""`flask sessions`, `flask media` and `flask openapi`: clean up, and write the OpenAPI document."""

import json
from pathlib import Path
from typing import Any

import click
from flask import current_app
from flask.cli import AppGroup
from sqlalchemy import delete, func, select

from playlist_api.cli.common import operating
from playlist_api.db.engine import db
from playlist_api.db.models import IdempotencyKey, PasswordReset, RateLimit, Session
from playlist_api.posters.media import media as get_media
from playlist_api.posters.pruning import delete_files, forget_unused
from playlist_api.posters.storage import StorageError

PRUNE_BATCH = 1000
"""Rows deleted in one transaction, so that no lock is held for long."""

EXPIRIES = (
    (Session.id, Session.expires_at),
    (PasswordReset.token_hash, PasswordReset.expires_at),
    (IdempotencyKey.key_hash, IdempotencyKey.expires_at),
    (RateLimit.key, RateLimit.used_until),
)
"""The primary key of each table whose rows expire, and when they do."""

sessions = AppGroup("sessions", help="Clean up after sessions.")
media = AppGroup("media", help="Clean up after pictures.")
openapi = AppGroup("openapi", help="Work with the OpenAPI document.")


@sessions.command("prune")
@click.option("--most", default=100_000, show_default=True, help="Rows of each kind to delete.")
def prune_expired(most: int) -> None:
    """Delete expired sessions, resets, idempotency keys and rate limits; for cron, once an hour."""
    with operating():
        for key, expiry in EXPIRIES:
            click.echo(f"{key.class_.__name__}: {_prune(key, expiry, most)} deleted")


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


@media.command("prune")
def prune_pictures() -> None:
    """Delete pictures that no movie has shown for a day, and files of no picture; for cron."""
    kept = get_media()
    if not kept:
        click.echo("MEDIA_STORAGE is not set: there are no pictures.")
        return
    try:
        with operating():
            click.echo(f"Picture: {forget_unused()} deleted")
            click.echo(f"Files: {sum(1 for _ in delete_files(kept.storage))} deleted")
    except StorageError as error:
        raise click.ClickException(f"The storage of pictures is away: {error}") from error


@openapi.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def write(file: Path) -> None:
    """Write the document to a FILE; docs/openapi.json is the copy in the repository."""
    document = current_app.extensions["openapi"]()
    file.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
