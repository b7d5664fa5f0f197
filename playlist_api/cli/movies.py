"""`flask movies`: work on users' lists."""

import sys
from pathlib import Path

import click
from flask.cli import AppGroup
from marshmallow import ValidationError

from playlist_api.api.fields import problems
from playlist_api.cli.common import operating, user_of
from playlist_api.transfer.readers import Outcome, read_file
from playlist_api.transfer.service import import_rows

movies = AppGroup("movies", help="Work on users' lists of movies.")


@movies.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--email", required=True, help="The owner of the list.")
@click.option("--dry-run", is_flag=True, help="Only report what would be done.")
def import_file(file: Path, email: str, *, dry_run: bool) -> None:
    """Add the movies in a FILE that are not on a user's list yet, all or none.

    FILE is what `POST /movies/import` takes, of any length. Rows that are skipped or refused are
    reported with their line and the reason.
    """
    try:
        found = read_file(file.read_bytes())
    except ValidationError as error:
        (problem,) = problems(error)
        raise click.ClickException(f"{file}: {problem['message']}") from error
    with operating():
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
