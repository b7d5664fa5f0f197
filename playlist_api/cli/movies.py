"""`flask movies`: work on users' lists."""

import csv
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click
from flask.cli import AppGroup
from marshmallow import ValidationError

from playlist_api.cli.common import operating, user_of
from playlist_api.schemas.bodies import imported_movie
from playlist_api.schemas.fields import problems
from playlist_api.services.movies import import_movies

Row = dict[str, Any]

COLUMNS = {"title", "year", "imageUrl"}

movies = AppGroup("movies", help="Work on users' lists of movies.")


@movies.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--email", required=True, help="Whose list the movies are for.")
def import_file(file: Path, email: str) -> None:
    """Put the movies of a CSV FILE on a user's list, in one transaction.

    The file is UTF-8 with a header: title, and if it likes year and imageUrl. Rows that no
    client could have sent are left out and told of, each with its line and reason.
    """
    rows = _read(file)
    refused: list[tuple[int, ValidationError]] = []
    with operating():
        user = user_of(email)
        with click.progressbar(rows, label=file.name, file=sys.stderr) as bar:
            imported = import_movies(user, _accepted(bar, refused))
    for line, reasons in refused:
        for problem in problems(reasons):
            click.echo(f"line {line}: {problem['field']}: {problem['message']}", err=True)
    click.echo(f"{imported} movies imported for {user.email}, {len(refused)} rows refused.")


def _read(file: Path) -> list[tuple[int, Row]]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines, strict=True)
            if "title" not in (reader.fieldnames or ()):
                raise click.ClickException(f"{file} has no column `title` in its first line.")
            if ignored := set(reader.fieldnames or ()) - COLUMNS:
                click.echo(f"Columns ignored: {', '.join(sorted(ignored))}", err=True)
            return [(reader.line_num, row) for row in reader]
    except UnicodeDecodeError as error:
        raise click.ClickException(f"{file} is not UTF-8: {error.reason}.") from error
    except csv.Error as error:
        raise click.ClickException(f"{file} is not CSV: {error}.") from error


def _accepted(
    rows: Iterable[tuple[int, Row]], refused: list[tuple[int, ValidationError]]
) -> Iterator[Row]:
    for line, row in rows:
        try:
            # CSV has no null: an empty cell is a field left out.
            yield imported_movie.load({name: value for name, value in row.items() if value})
        except ValidationError as error:
            refused.append((line, error))
