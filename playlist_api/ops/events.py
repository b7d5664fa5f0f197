"""Security events: a stable `event` name in the log that operators can count and alert on."""

import logging
from typing import Any

from flask import has_request_context, request

from playlist_api.ops import metrics

EVENT = "playlist_api.event"
"""Where a request's environment holds what is to be a part of its line."""

log = logging.getLogger(__name__)


def record(event: str, **fields: Any) -> None:
    """Log that something happened that matters to somebody's account.

    The first event of a request becomes a part of the request's one line. Each further one is a
    line of its own, with the request's id and the client's address, and so is the event of a
    command or a job. Fields say who and which, and never hold a password, token, cookie or hash.
    The names are listed in docs/security.md, and stay.
    """
    metrics.events.labels(event).inc()
    described = {"event": event, **fields}
    if has_request_context():
        if request.environ.setdefault(EVENT, described) is described:
            return
        request_id = request.headers.get("X-Request-ID")
        described = {"reqId": request_id, "remoteAddress": request.remote_addr, **described}
    log.info(event, extra={"fields": described})
