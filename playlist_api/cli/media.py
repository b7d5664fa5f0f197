"""`flask media`: clean up pictures."""

import click
from flask.cli import AppGroup

from playlist_api.cli.common import operating
from playlist_api.posters.media import media as configured_media
from playlist_api.posters.pruning import delete_files, forget_unused
from playlist_api.posters.storage import StorageError

media = AppGroup("media", help="Clean up pictures.")


@media.command()
def prune() -> None:
    """Delete pictures that no movie has shown for a day, and stray files; for cron."""
    place = configured_media()
    if not place:
        click.echo("MEDIA_STORAGE is not set: there are no pictures.")
        return
    try:
        with operating():
            click.echo(f"Picture: {forget_unused()} deleted")
            click.echo(f"Files: {sum(1 for _ in delete_files(place.storage))} deleted")
    except StorageError as error:
        raise click.ClickException(f"The storage of pictures is away: {error}") from error
