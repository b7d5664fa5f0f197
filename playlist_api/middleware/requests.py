"""What is seen to with every request, whichever route it is for: its address and its body."""

import re
from contextlib import suppress

from flask import Flask, Response, request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import BadRequest, ClientDisconnected, NotFound
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.wsgi import get_input_stream

from playlist_api.database import release_connection

DRAINED = 32 * 1024 * 1024
"""Bytes of a body that are read in vain, at the most, so that its sender hears why."""

CHUNK = 64 * 1024

HOST = re.compile(r"([\w.~!$&'()*+,;=%-]+|\[[0-9a-f:.]+\])(:\d*)?", re.ASCII | re.IGNORECASE)
"""A name or an address, and perhaps a port: RFC 9110, section 7.2, and RFC 3986, section 3.2."""


def init_app(app: Flask, *, trusted_proxies: int) -> None:
    """See to the address before the routes do, and to the body after them.

    Each of the `trusted_proxies` adds one address to `X-Forwarded-For` and one scheme to
    `X-Forwarded-Proto`; what the client itself put there is further left, and not believed.
    """
    if trusted_proxies:
        proxied = ProxyFix(app.wsgi_app, x_for=trusted_proxies, x_proto=trusted_proxies)
        app.wsgi_app = proxied  # type: ignore[method-assign]
    app.url_map.merge_slashes = False
    app.before_request(refuse_unclear_hosts)
    app.before_request(refuse_aliases)
    app.after_request(drain_body)


def refuse_unclear_hosts() -> None:
    """Insist on one well-formed `Host`, as RFC 9112, section 3.2, does from HTTP/1.1 on."""
    host = request.environ.get("HTTP_HOST")
    if host is None and request.environ["SERVER_PROTOCOL"] == "HTTP/1.0":
        return
    if not HOST.fullmatch(host or ""):
        raise BadRequest


def refuse_aliases() -> None:
    """Give each address one spelling, so that what a proxy forbids has no other way in.

    WSGI decodes `%2F` and Werkzeug drops slashes before its routes are asked.
    """
    raw_path = request.environ.get("RAW_URI", "").partition("?")[0].lower()
    if request.environ["PATH_INFO"].startswith("//") or "%2f" in raw_path:
        raise NotFound


def drain_body(response: Response) -> Response:
    """Read what is left of the body: a client that is still sending would see a reset instead."""
    if request.content_length or "Transfer-Encoding" in request.headers:
        # However slowly it comes, nobody else waits for a lock or lacks a connection meanwhile.
        release_connection(None)
        stream, left = get_input_stream(request.environ), DRAINED
        with suppress(ParseException, OSError, ClientDisconnected):
            while left > 0 and (chunk := stream.read(min(CHUNK, left))):
                left -= len(chunk)
    return response
