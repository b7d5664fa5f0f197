"""`flask openapi`: the document of the API as a file."""

import json
from pathlib import Path

import click
from flask import current_app
from flask.cli import AppGroup

openapi = AppGroup("openapi", help="Work with the OpenAPI document.")


@openapi.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def write(file: Path) -> None:
    """Write the document to a FILE: docs/openapi.json is the copy that is kept."""
    document = current_app.extensions["openapi"]()
    file.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
