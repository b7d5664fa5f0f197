"""What is seen to with every request, whichever route it is for: its address and its body."""

from contextlib import suppress

from flask import Flask, Response, request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import ClientDisconnected, NotFound
from werkzeug.wsgi import get_input_stream

DRAINED = 32 * 1024 * 1024
"""Bytes of a body that are read in vain, at the most, so that its sender hears why."""

CHUNK = 64 * 1024


def init_app(app: Flask) -> None:
    """See to the address before the routes do, and to the body after them."""
    app.url_map.merge_slashes = False
    app.before_request(refuse_aliases)
    app.after_request(drain_body)


def refuse_aliases() -> None:
    """Give each address one spelling, so that what a proxy forbids has no other way in.

    WSGI decodes `%2F` and Werkzeug drops slashes before its routes are asked.
    """
    raw_path = request.environ.get("RAW_URI", "").partition("?")[0].lower()
    if request.environ["PATH_INFO"].startswith("//") or "%2f" in raw_path:
        raise NotFound


def drain_body(response: Response) -> Response:
    """Read what is left of a refused body: a client still sending it would see a reset instead."""
    if response.status_code >= 400:
        stream, left = get_input_stream(request.environ), DRAINED
        with suppress(ParseException, OSError, ClientDisconnected):
            while left > 0 and (chunk := stream.read(min(CHUNK, left))):
                left -= len(chunk)
    return response
