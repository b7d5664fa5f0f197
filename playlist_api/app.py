"""The application factory: the one module that knows all the others."""

import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from flask import Flask
from flask.json.provider import DefaultJSONProvider
from flask.sessions import NullSession, SessionInterface

from playlist_api import cli
from playlist_api.api import documentation, health, middleware
from playlist_api.api import exposition as metrics
from playlist_api.auth import account_routes as account
from playlist_api.auth import passwords, tokens
from playlist_api.auth import routes as auth
from playlist_api.config.settings import load_settings
from playlist_api.db import engine as database
from playlist_api.movies import routes as movies
from playlist_api.ops import mail, sentry
from playlist_api.posters import media
from playlist_api.posters import routes as pictures
from playlist_api.transfer import routes as lists

NO_SESSION = NullSession()

MAX_BODY = 64 * 1024
"""Bytes: the longest body of JSON without a picture, twenty times what the longest fields take."""


class NoCookieSessions(SessionInterface):
    """Flask would make a signer and read the cookies of each request, for sessions not used."""

    def open_session(self, *_: Any) -> NullSession:
        """Return a session that says so when it is written to."""
        return NO_SESSION

    def is_null_session(self, _: object) -> bool:
        return True


class Service(Flask):
    """Flask without what it does for each request, but not for this service."""

    session_interface = NoCookieSessions()

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function as it is: none is asynchronous, so none need be asked."""
        return func


def create_app(environ: Mapping[str, str] = os.environ) -> Flask:
    """Make the service from environment variables (see the README's table).

    :raises SettingsError: when they do not make a safe service.
    """
    app = Service("playlist_api", static_folder=None)
    settings = load_settings(environ, Path(app.instance_path))
    app.config.from_mapping({name.upper(): value for name, value in vars(settings).items()})
    app.config.from_mapping(
        MAX_CONTENT_LENGTH=MAX_BODY,
        PROPAGATE_EXCEPTIONS=False,  # a debugger's wish, but clients are promised envelopes
    )
    cast(DefaultJSONProvider, app.json).sort_keys = False
    app.url_map.converters["movie_id"] = movies.MovieId

    logging.getLogger(app.name).setLevel(settings.log_level.upper())

    sentry.init_app(settings)
    database.init_app(app, settings.database_url)
    tokens.init_app(app)
    passwords.init_app(app, settings)
    media.init_app(app, settings)
    mail.init_app(app, settings)
    for module in (auth, account, movies, lists, health, metrics):
        app.register_blueprint(module.blueprint)
    pictures.init_app(app, settings)
    documentation.init_app(app, with_page=settings.docs_enabled)
    middleware.init_app(app, settings)
    cli.init_app(app)
    return app
