"""`flask backup`: keep copies of the database, and put them back."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import click
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from flask import current_app
from flask.cli import AppGroup
from sqlalchemy import NullPool, create_engine

from playlist_api.backups import backups, restores, retention
from playlist_api.backups.dumps import DumpError
from playlist_api.backups.snapshots import DatabaseError
from playlist_api.config import postgres_url
from playlist_api.db.engine import db, migrate
from playlist_api.db.timeouts import response_timeout
from playlist_api.posters.storage import Storage, StorageError, open_storage

CONNECT_TIMEOUT = 10

backup = AppGroup("backup", help="Back the database up, to a folder or to S3, and restore it.")


@backup.command()
def create() -> None:
    """Back the database up to where BACKUP_URL says."""
    with _told() as storage, _progress() as progress:
        made = backups.create(storage, db.engine, progress)
    click.echo(_line(made))


@backup.command("list")
def list_backups() -> None:
    """List backups, the newest first: name, time, size, migration, rows."""
    with _told() as storage:
        found = backups.catalogue(storage)
    for made in found.complete:
        click.echo(_line(made))
    _tell_broken(found)
    if not found.complete:
        click.echo("There is no backup.", err=True)


@backup.command()
@click.argument("name")
@click.option(
    "--into",
    required=True,
    envvar="RESTORE_URL",
    help="The postgresql:// URL of an empty database; RESTORE_URL keeps it off the command line.",
)
def restore(name: str, into: str) -> None:
    """Put the backup NAME, or the `latest`, into an empty database, whole or not at all."""
    try:
        url = postgres_url(into)
    except ValueError as error:
        raise click.BadParameter(f"--into {error}") from error
    target = create_engine(
        url, poolclass=NullPool, connect_args={"connect_timeout": CONNECT_TIMEOUT}
    )
    with _told() as storage, _progress() as progress:
        chosen = backups.catalogue(storage).find(name)
        restores.restore(storage, chosen, target, progress)
    click.echo(f"{_line(chosen)}\tis in database {target.url.database}, row for row.")
    _tell_revision(chosen)


@backup.command()
@click.option("--keep-last", type=click.IntRange(0), default=0, show_default=True)
@click.option("--keep-daily", type=click.IntRange(0), default=7, show_default=True)
@click.option("--keep-weekly", type=click.IntRange(0), default=4, show_default=True)
@click.option("--keep-monthly", type=click.IntRange(0), default=12, show_default=True)
@click.option("--dry-run", is_flag=True, help="Only tell.")
def prune(
    keep_last: int, keep_daily: int, keep_weekly: int, keep_monthly: int, dry_run: bool
) -> None:
    """Delete backups that are none of the last so many, nor the newest of a day, week or month.

    Only days, weeks and months (in UTC) that have backups count. The newest backup always stays.
    What interrupted ones have left is deleted after a day.
    """
    policy = retention.Policy(keep_last, keep_daily, keep_weekly, keep_monthly)
    with _told() as storage:
        found = backups.catalogue(storage)
        kept = retention.kept(found.complete, policy)
        for name, reasons in kept.items():
            click.echo(f"{name}\tkept: {', '.join(reasons)}")
        _tell_broken(found)
        done = "would be deleted" if dry_run else "deleted"
        for name in retention.prune(storage, found, set(kept), datetime.now(UTC), dry_run=dry_run):
            click.echo(f"{name}\t{done}")


@contextmanager
def _told() -> Iterator[Storage]:
    """Open the storage; end the command with a sentence when anything fails or stops it."""
    url = current_app.config["BACKUP_URL"]
    if not url:
        raise click.ClickException("BACKUP_URL is not set: give it s3://bucket/prefix or a folder.")
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with response_timeout():
            yield open_storage(url)
    except (StorageError, DumpError, DatabaseError, backups.BackupError) as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        raise click.ClickException("Interrupted; nothing is left half done.") from None
    finally:
        signal.signal(signal.SIGTERM, previous)


@contextmanager
def _progress() -> Iterator[backups.Progress]:
    """Tell on a terminal how far a command is."""
    shown = sys.stderr.isatty()

    def tell(doing: str, size: int) -> None:
        if shown:
            click.echo(f"\r{doing} {_size(size)}\033[K", err=True, nl=False)

    try:
        yield tell
    finally:
        if shown:
            click.echo("\r\033[K", err=True, nl=False)


def _line(made: backups.Backup) -> str:
    rows = f"{sum(made.rows.values())} rows"
    when = f"{made.created:%Y-%m-%d %H:%M} UTC"
    return "\t".join((made.name, when, _size(made.size), made.revision, rows))


def _size(size: float) -> str:
    units = ["TB", "GB", "MB", "kB", "B"]
    while size >= 1000 and len(units) > 1:
        size /= 1000
        units.pop()
    return f"{size:.1f} {units[-1]}"


def _tell_broken(found: backups.Catalogue) -> None:
    for name, reason in found.broken.items():
        click.echo(f"{name}\tis broken: {reason}.", err=True)


def _tell_revision(restored: backups.Backup) -> None:
    scripts = ScriptDirectory(migrate.directory)
    if restored.revision == scripts.get_current_head():
        return
    try:
        scripts.get_revision(restored.revision)
    except CommandError:
        told = "which this version of the service does not know: run the version that made it"
    else:
        told = "and this version of the service needs more: run `flask db upgrade` on it"
    click.echo(f"Its tables are at migration {restored.revision}, {told}.", err=True)
