"""What is seen to with every request, whichever route it is for: its address and its body."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from flask import request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import BadRequest, ClientDisconnected, NotFound
from werkzeug.wsgi import get_input_stream

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

DRAINED = 32 * 1024 * 1024
"""Bytes of a body that are read in vain, at the most, so that its sender hears why."""

CHUNK = 64 * 1024

HOST = re.compile(r"([\w.~!$&'()*+,;=%-]+|\[[0-9a-f:.]+\])(:\d*)?", re.ASCII | re.IGNORECASE)
"""A name or an address, and perhaps a port: RFC 9110, section 7.2, and RFC 3986, section 3.2."""


def refuse_unclear_hosts() -> None:
    """Insist on one well-formed `Host`, as RFC 9112, section 3.2, does from HTTP/1.1 on."""
    environ = request.environ
    host = environ.get("HTTP_HOST")
    if host is None and environ["SERVER_PROTOCOL"] == "HTTP/1.0":
        return
    if not HOST.fullmatch(host or ""):
        raise BadRequest


def refuse_aliases() -> None:
    """Give each address one spelling, so that what a proxy forbids has no other way in.

    WSGI decodes `%2F` and Werkzeug drops slashes before its routes are asked.
    """
    environ = request.environ
    raw_path = environ.get("RAW_URI", "").partition("?")[0].lower()
    if environ["PATH_INFO"].startswith("//") or "%2f" in raw_path:
        raise NotFound


class BodyDrain:
    """Reads what is left of the body: a client that is still sending would see a reset instead.

    However slowly it comes, nobody waits for a lock or lacks a connection meanwhile, for the
    application has done its work.
    """

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        answer = self._app(environ, start_response)
        if environ.get("CONTENT_LENGTH") or "HTTP_TRANSFER_ENCODING" in environ:
            stream, left = get_input_stream(environ), DRAINED
            with suppress(ParseException, OSError, ClientDisconnected):
                while left > 0 and (chunk := stream.read(min(CHUNK, left))):
                    left -= len(chunk)
        return answer
