"""Security events: a stable `event` name in the log that operators can count and alert on."""

import logging
from typing import Any

from flask import has_request_context, request

from playlist_api import metrics

EVENT = "playlist_api.event"
"""Where a request's environment holds what is to be a part of its line."""

log = logging.getLogger(__name__)


def record(event: str, **fields: Any) -> None:
    """Log that something happened that matters to somebody's account.

    During a request the event and its fields become a part of the request's one line; a command
    or a job logs a line of its own. Fields say who and which, and never hold a password, token,
    cookie or hash. The names are listed in docs/security.md, and stay.
    """
    metrics.events.labels(event).inc()
    described = {"event": event, **fields}
    if has_request_context():
        request.environ[EVENT] = described
    else:
        log.info(event, extra={"fields": described})
