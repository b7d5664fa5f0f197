"""Operators' and developers' commands: `flask movies`, `users`, `sessions`, `media` and others."""

from flask import Flask

from playlist_api.cli.backup import backup
from playlist_api.cli.commands import media, movies, openapi, sessions, users


def init_app(app: Flask) -> None:
    """Add the commands to `flask`."""
    for group in (movies, users, sessions, media, backup, openapi):
        app.cli.add_command(group)
