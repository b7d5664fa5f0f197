"""`flask movies`: work on users' lists."""

import sys
from pathlib import Path

import click
from flask.cli import AppGroup
from marshmallow import ValidationError

from playlist_api.api.fields import problems
from playlist_api.cli.common import operating, user_of
from playlist_api.transfer.files import File, read_file
from playlist_api.transfer.imports import Report, import_rows
from playlist_api.transfer.schemas import Outcome

movies = AppGroup("movies", help="Work on users' lists of movies.")


@movies.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--email", required=True, help="Whose list the movies are for.")
@click.option("--dry-run", is_flag=True, help="Only tell what would be done.")
def import_file(file: Path, email: str, *, dry_run: bool) -> None:
    """Add the movies of a FILE that a user's list does not have, in one transaction.

    The FILE is as for `POST /movies/import`, of any length. Invalid rows are left out and reported
    with their line and reason.
    """
    found = _read(file)
    with operating():
        user = user_of(email)
        with click.progressbar(found.rows, label=file.name, file=sys.stderr) as bar:
            import_rows(user, bar, dry_run=dry_run)
    for row in found.rows:
        if row.outcome in {Outcome.SKIPPED, Outcome.REFUSED}:
            click.echo(f"line {row.line}: {row.reason}", err=True)
    totals = Report(dry_run, found.format, found.rows).totals
    click.echo(
        f"{totals['created']} movies {'would be ' * dry_run}imported for {user.email},"
        f" {totals['duplicate_in_list']} on the list already,"
        f" {totals['duplicate_in_file']} twice in the file,"
        f" {totals['skipped']} rows skipped, {totals['refused']} rows refused."
    )


def _read(file: Path) -> File:
    try:
        return read_file(file.read_bytes())
    except ValidationError as error:
        (problem,) = problems(error)
        raise click.ClickException(f"{file}: {problem['message']}") from error
