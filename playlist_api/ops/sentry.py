"""Errors for Sentry: where in the code, in which request, for which user, but without data."""

import logging
from typing import Any

import sentry_sdk
from flask import has_request_context, request
from sentry_sdk.integrations.atexit import AtexitIntegration
from sentry_sdk.integrations.excepthook import ExcepthookIntegration
from sentry_sdk.integrations.logging import LoggingIntegration
from sentry_sdk.types import Event, Hint

from playlist_api import __version__
from playlist_api.config import Settings

KEPT = (
    *("event_id", "timestamp", "level", "platform", "sdk", "logger", "exception"),
    *("release", "environment", "server_name"),
)
"""The fields of an event that are sent: https://develop.sentry.dev/sdk/data-model/event-payloads/"""


def scrub(event: Event, _: Hint) -> Event:
    """Return what may be sent of an event."""
    kept: Any = {name: value for name, value in event.items() if name in KEPT}
    # The database quotes values in its messages; the log has them, under the same request id.
    for error in kept.get("exception", {}).get("values", []):
        error.pop("value", None)
    if "exception" not in kept:
        # The template alone, as the arguments can quote input of a client.
        kept["logentry"] = {"message": event.get("logentry", {}).get("message")}
    if has_request_context():
        rule = request.url_rule
        kept["transaction"] = f"{request.method} {rule.rule if rule else 'none'}"
        kept["tags"] = {"request_id": request.headers["X-Request-ID"]}
        kept["user"] = {"id": request.environ.get("REMOTE_USER")}
    return kept  # type: ignore[no-any-return]


def init_app(settings: Settings) -> None:
    """Send errors of the log, and exceptions that end a command, to Sentry if there is a DSN.

    The SDK's integration with Flask is left out: it would double the cost of each request.
    """
    if not settings.sentry_dsn:
        return
    sentry_sdk.init(
        settings.sentry_dsn,
        environment=settings.app_env,
        release=__version__,
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=[
            LoggingIntegration(level=None, event_level=logging.ERROR),
            ExcepthookIntegration(),
            AtexitIntegration(callback=lambda *_: None),
        ],
        include_local_variables=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        send_client_reports=False,
        before_send=scrub,
    )
