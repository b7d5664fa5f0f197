"""`flask sessions`: clean up after sessions."""

import click
from flask.cli import AppGroup

from playlist_api.cli.common import operating
from playlist_api.db.pruning import prune

sessions = AppGroup("sessions", help="Clean up after sessions.")


@sessions.command("prune")
@click.option("--most", default=100_000, show_default=True, help="Rows of each kind to delete.")
def prune_expired(most: int) -> None:
    """Delete expired sessions, resets, idempotency keys and rate limits; for cron, once an hour."""
    with operating():
        for table, rows in prune(most).items():
            click.echo(f"{table}: {rows} deleted")
