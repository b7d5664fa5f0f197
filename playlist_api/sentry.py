"""Errors told to Sentry: what happened where in the code, for whom, and never with what data."""

import logging
from time import monotonic
from typing import Any

import sentry_sdk
from flask import has_request_context, request
from sentry_sdk.integrations.atexit import AtexitIntegration
from sentry_sdk.integrations.excepthook import ExcepthookIntegration
from sentry_sdk.integrations.logging import LoggingIntegration
from sentry_sdk.types import Event, Hint

from playlist_api import __version__
from playlist_api.config.settings import Settings

REPEATED = 60
"""Seconds in which a process tells of the same error once: an outage would use up any quota."""

KEPT = (
    *("event_id", "timestamp", "level", "platform", "sdk", "logger", "exception"),
    *("release", "environment", "server_name"),
)
"""What is sent of an event: https://develop.sentry.dev/sdk/data-model/event-payloads/"""


class Reporter:
    """Decides what is sent, from whatever thread."""

    def __init__(self) -> None:
        self._told: dict[str, float] = {}

    def __call__(self, event: Event, _: Hint) -> Event | None:
        """Return what may be sent of an event; None if it was sent a moment ago."""
        kind, now = str(_kind(event)), monotonic()
        if now - self._told.get(kind, -REPEATED) < REPEATED:
            return None
        self._told[kind] = now
        kept: Any = {name: value for name, value in event.items() if name in KEPT}
        _drop_messages(kept)
        if "exception" not in event:
            # Its template, as the arguments can quote what a client sent.
            kept["logentry"] = {"message": _template(event)}
        if has_request_context():
            rule = request.url_rule
            kept["transaction"] = f"{request.method} {rule.rule if rule else 'none'}"
            kept["tags"] = {"request_id": request.headers["X-Request-ID"]}
            kept["user"] = {"id": request.environ.get("REMOTE_USER")}
        return kept  # type: ignore[no-any-return]


def _kind(event: Any) -> Any:
    errors = event.get("exception", {}).get("values", [])
    return _template(event) if not errors else [(error["type"], _place(error)) for error in errors]


def _template(event: Any) -> Any:
    return event.get("logentry", {}).get("message")


def _place(error: Any) -> Any:
    frames = (error.get("stacktrace") or {}).get("frames") or [{}]
    return frames[-1].get("abs_path"), frames[-1].get("lineno")


def _drop_messages(event: Any) -> None:
    # Those of the database quote what it was given; the log has them, under the same request.
    for error in event.get("exception", {}).get("values", []):
        error.pop("value", None)


def init_app(settings: Settings) -> None:
    """Tell Sentry what is logged as an error, and what ends a command, if there is a DSN.

    Nothing is patched and nothing done at each request: the SDK's integration with Flask would
    take as long as a call.
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
        before_send=Reporter(),
    )
