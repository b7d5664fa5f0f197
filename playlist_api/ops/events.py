"""Security events, which operators can count and alert on."""

import logging
from typing import Any

from flask import has_request_context, request

from playlist_api.ops import metrics

EVENT = "playlist_api.event"
"""The key of the WSGI environment that holds the event for the request's log line."""

log = logging.getLogger(__name__)


def record(event: str, **fields: Any) -> None:
    """Log an event that matters to a user's account.

    The first event of a request becomes part of the request's log line. Further ones, and those of
    commands and jobs, get a line of their own. Fields never hold a password, token, cookie or hash.
    The names are listed in docs/security.md and do not change.
    """
    metrics.events.labels(event).inc()
    described = {"event": event, **fields}
    if has_request_context():
        if request.environ.setdefault(EVENT, described) is described:
            return
        request_id = request.headers.get("X-Request-ID")
        described = {"reqId": request_id, "remoteAddress": request.remote_addr, **described}
    log.info(event, extra={"fields": described})
