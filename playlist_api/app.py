"""The application factory: the one module that knows all the others."""

import logging
import os
from collections.abc import Callable, Mapping
from typing import Any

from flask import Flask
from flask.sessions import SessionInterface

from playlist_api import cli
from playlist_api.api import documentation, edge, error_handlers, health
from playlist_api.auth import account_routes, passwords, tokens
from playlist_api.auth import routes as auth_routes
from playlist_api.config import load_settings
from playlist_api.db import engine
from playlist_api.movies import routes as movie_routes
from playlist_api.ops import sentry
from playlist_api.posters import media
from playlist_api.posters import routes as poster_routes
from playlist_api.transfer import routes as transfer_routes

MAX_BODY = 64 * 1024
"""Bytes: the longest JSON body without a picture, twenty times what the longest fields take."""

BLUEPRINTS = (
    auth_routes.blueprint,
    account_routes.blueprint,
    movie_routes.blueprint,
    transfer_routes.blueprint,
    health.blueprint,
    health.metrics_blueprint,
)


class NoCookieSessions(SessionInterface):
    """Gives every request Flask's null session."""

    def open_session(self, *_: Any) -> None:
        """Open none."""


class PlaylistApp(Flask):
    """A Flask app without cookie sessions and async views, which this API does not use.

    That saves a quarter of the CPU time of a small request.
    """

    session_interface = NoCookieSessions()

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function: no view is asynchronous."""
        return func


def create_app(environ: Mapping[str, str] = os.environ) -> Flask:
    """Make the service from environment variables (see docs/settings.md).

    :raises SettingsError: when they do not make a safe service.
    """
    app = PlaylistApp("playlist_api", static_folder=None)
    settings = load_settings(environ)
    app.config.from_mapping({name.upper(): value for name, value in vars(settings).items()})
    app.config.from_mapping(
        MAX_CONTENT_LENGTH=MAX_BODY,
        PROPAGATE_EXCEPTIONS=False,  # clients get the envelope, in debug mode too
    )
    app.url_map.converters["movie_id"] = movie_routes.MovieId
    logging.getLogger(app.name).setLevel(settings.log_level.upper())

    sentry.init_app(settings)
    engine.init_app(app, settings.database_url)
    tokens.init_app(app)
    passwords.init_app(app, settings)
    media.init_app(app, settings)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    poster_routes.init_app(app, settings)
    documentation.init_app(app, with_page=settings.docs_enabled)
    error_handlers.init_app(app)
    edge.init_app(app, settings)
    cli.init_app(app)
    return app
