"""`flask users`, `movies`, `sessions`, `media` and `openapi`: commands of operators."""

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from flask import current_app
from flask.cli import AppGroup
from marshmallow import ValidationError
from sqlalchemy import delete, func, select
from sqlalchemy.exc import DBAPIError

from playlist_api.api.fields import canonical_email, problems
from playlist_api.auth.accounts import delete_user
from playlist_api.db.engine import db, is_unavailable
from playlist_api.db.models import (
    ADMIN,
    IdempotencyKey,
    MovieCount,
    PasswordReset,
    RateLimit,
    Session,
    User,
)
from playlist_api.db.timeouts import response_timeout
from playlist_api.ops.logs import Formatter, event_log, record_event
from playlist_api.posters.media import media as get_media
from playlist_api.posters.pruning import delete_files, forget_unused
from playlist_api.posters.storage import StorageError
from playlist_api.transfer.readers import Outcome, read_file
from playlist_api.transfer.service import import_rows

PRUNE_BATCH = 1000
"""Rows deleted in one transaction, so that no lock is held for long."""

EXPIRIES = (
    (Session.id, Session.expires_at),
    (PasswordReset.token_hash, PasswordReset.expires_at),
    (IdempotencyKey.key_hash, IdempotencyKey.expires_at),
    (RateLimit.key, RateLimit.used_until),
)
"""The primary key of each table whose rows expire, and when they do."""

users = AppGroup("users", help="List, show and change accounts.")
movies = AppGroup("movies", help="Work on users' lists of movies.")
sessions = AppGroup("sessions", help="Clean up after sessions.")
media = AppGroup("media", help="Clean up after pictures.")
openapi = AppGroup("openapi", help="Work with the OpenAPI document.")


def user_of(email: str) -> User:
    """Return the user with this e-mail, in any case.

    :raises click.ClickException: when there is none.
    """
    user = db.session.scalar(select(User).where(User.email == canonical_email(email)))
    if user is None:
        raise click.ClickException(f"Nobody has signed up as {email}.")
    return user


@contextmanager
def operating() -> Iterator[None]:
    """Log a command's events on standard error, without a traceback if the database is away."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Formatter())
    event_log.addHandler(handler)
    event_log.setLevel(logging.INFO)
    try:
        with response_timeout():
            yield
    except DBAPIError as error:
        if is_unavailable(error):
            raise click.ClickException("The database is away; nothing was done.") from error
        raise
    finally:
        event_log.removeHandler(handler)


@users.command("list")
@operating()
def list_users() -> None:
    """List all accounts, newest first: e-mail, role, name and day of sign-up."""
    newest_first = select(User).order_by(User.created_at.desc(), User.id)
    for user in db.session.scalars(newest_first, execution_options={"yield_per": 1000}):
        click.echo(f"{user.email}\t{user.role}\t{user.name}\t{user.created_at:%Y-%m-%d}")


@users.command()
@click.argument("email")
@operating()
def show(email: str) -> None:
    """Show one account."""
    user = user_of(email)
    movie_count = select(MovieCount.movies).where(MovieCount.owner_id == user.id)
    session_count = select(func.count()).where(Session.user_id == user.id)
    for name, value in (
        ("id", user.id),
        ("email", user.email),
        ("name", user.name),
        ("role", user.role),
        ("signed up", f"{user.created_at:%Y-%m-%d %H:%M %Z}"),
        ("movies", db.session.scalar(movie_count) or 0),
        ("sessions", db.session.scalar(session_count)),
    ):
        click.echo(f"{name:<10} {value}")


@users.command()
@click.argument("email")
@operating()
def promote(email: str) -> None:
    """Make a user an admin, who may read, change and delete any movie."""
    _set_role(email, ADMIN)


@users.command()
@click.argument("email")
@operating()
def demote(email: str) -> None:
    """Make an admin an ordinary user again."""
    _set_role(email, "user")


def _set_role(email: str, role: str) -> None:
    user = user_of(email)
    user.role = role
    db.session.commit()
    record_event("role_changed", userId=user.id, role=role)
    click.echo(f"{user.email} is now {role}.")


@users.command("end-sessions")
@click.argument("email")
@operating()
def end_sessions(email: str) -> None:
    """Log a user out everywhere."""
    user = user_of(email)
    ending = delete(Session).where(Session.user_id == user.id).returning(Session.id)
    ended = len(db.session.scalars(ending).all())
    db.session.commit()
    record_event("all_sessions_ended", userId=user.id)
    click.echo(f"{ended} sessions ended.")


@users.command("delete")
@click.argument("email")
@click.confirmation_option(prompt="Delete the account with all its movies and sessions?")
@operating()
def remove(email: str) -> None:
    """Delete an account with all that belongs to it."""
    delete_user(user_of(email))
    click.echo(f"{email} is deleted.")


@movies.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--email", required=True, help="The owner of the list.")
@click.option("--dry-run", is_flag=True, help="Only report what would be done.")
@operating()
def import_movies(file: Path, email: str, *, dry_run: bool) -> None:
    """Add the movies in a FILE that are not on a user's list yet, all or none.

    FILE is what `POST /movies/import` takes, of any length. Rows that are skipped or refused are
    reported with their line and the reason.
    """
    try:
        found = read_file(file.read_bytes())
    except ValidationError as error:
        (problem,) = problems(error)
        raise click.ClickException(f"{file}: {problem['message']}") from error
    user = user_of(email)
    with click.progressbar(found.rows, label=file.name, file=sys.stderr) as bar:
        import_rows(user, bar, dry_run=dry_run)
    for row in found.rows:
        if row.outcome in {Outcome.SKIPPED, Outcome.REFUSED}:
            click.echo(f"line {row.line}: {row.reason}", err=True)
    totals = found.totals
    click.echo(
        f"{totals['created']} movies {'would be ' * dry_run}imported for {user.email},"
        f" {totals['duplicateInList']} on the list already,"
        f" {totals['duplicateInFile']} twice in the file,"
        f" {totals['skipped']} rows skipped, {totals['refused']} rows refused."
    )


@sessions.command("prune")
@click.option("--most", default=100_000, show_default=True, help="Rows of each kind to delete.")
@operating()
def prune_expired(most: int) -> None:
    """Delete expired sessions, resets, idempotency keys and rate limits; for cron, once an hour."""
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
@operating()
def prune_pictures() -> None:
    """Delete pictures that no movie has shown for a day, and files of no picture; for cron."""
    kept = get_media()
    if not kept:
        click.echo("MEDIA_STORAGE is not set: there are no pictures.")
        return
    try:
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
