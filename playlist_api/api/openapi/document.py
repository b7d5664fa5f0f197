"""The document as a whole: every call, and the components that they refer to."""

import sys
from typing import Any

from apispec import APISpec
from flask import Flask

from playlist_api import __version__
from playlist_api.api.failures import error_schema
from playlist_api.api.openapi.calls import calls, describe
from playlist_api.api.openapi.components import (
    ANSWER_HEADERS,
    REQUEST_HEADERS,
    SECURITY_SCHEMES,
    answer_header,
    failure,
    request_header,
)
from playlist_api.api.openapi.json_schema import Plugin
from playlist_api.errors import STATUSES, code_of

DESCRIPTION = """\
Sign up or log in for an access token, and send it as `Authorization: Bearer …`. It lives 15
minutes; the refresh token in the cookie, 7 days, gets a new one. JSON is camelCase in UTF-8, times
are ISO 8601 in UTC, and fields that a call does not know are ignored. Spaces around names, e-mails
and titles are dropped before their lengths and patterns are looked at.

Every answer of 400 and above has the body of `Error`. Besides those that each call names, any
address may answer 400 (no proper HTTP), 404 (no such address), 405 (no such method), 408 (the body
took too long to arrive), 414 (address too long), 417 (unknown `Expect`), 431 (headers too large) or
501 (a transfer coding that there is not). `GET` calls answer `HEAD` as well, and every address
answers `OPTIONS`.
"""

SERVER = {
    "url": ".",
    "description": "Where this document is, in production as on a local machine",
    "x-internal": False,
}


def build_document(app: Flask) -> dict[str, Any]:
    """Make the OpenAPI 3.1 document of the routes that the application has."""
    spec = APISpec(
        title="Playlist API",
        version=__version__,
        openapi_version="3.1.0",
        info={"description": DESCRIPTION, "license": {"name": "MIT", "identifier": "MIT"}},
        servers=[SERVER],
        plugins=[Plugin()],
    )
    _add_components(spec)
    all_calls = list(calls(app))
    for tag in dict.fromkeys(call.tag for call in all_calls):
        module = sys.modules[app.blueprints[tag].import_name]
        spec.tag({"name": tag, "description": module.__doc__})
    for call in all_calls:
        spec.path(call.path, operations={call.method.lower(): describe(call)})
    return spec.to_dict()


def _add_components(spec: APISpec) -> None:
    for name, scheme in SECURITY_SCHEMES.items():
        spec.components.security_scheme(name, scheme)
    for name in REQUEST_HEADERS:
        spec.components.parameter(name, "header", {"name": name, **request_header(name)})
    for name in ANSWER_HEADERS:
        spec.components.header(name, answer_header(name))
    spec.components.schema("Error", schema=error_schema)
    for status in STATUSES:
        spec.components.response(code_of(status), failure(status))
