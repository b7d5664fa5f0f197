"""What is seen to with every request, whichever route it is for: its host and its path."""

import re

from flask import request
from werkzeug.exceptions import BadRequest, NotFound

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
