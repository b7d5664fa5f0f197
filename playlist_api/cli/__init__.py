"""Operators' commands: `flask movies`, `flask users` and `flask sessions`."""

from flask import Flask

from playlist_api.cli.movies import movies
from playlist_api.cli.sessions import sessions
from playlist_api.cli.users import users


def init_app(app: Flask) -> None:
    """Add the commands to `flask`."""
    for group in (movies, users, sessions):
        app.cli.add_command(group)
