"""Operators' and developers' commands: `flask movies`, `users`, `sessions`, `media` and others."""

from flask import Flask

from playlist_api.cli.backup import backup
from playlist_api.cli.maintenance import media, openapi, sessions
from playlist_api.cli.movies import movies
from playlist_api.cli.users import users


def init_app(app: Flask) -> None:
    """Add the commands to `flask`."""
    for group in (movies, users, sessions, media, backup, openapi):
        app.cli.add_command(group)
