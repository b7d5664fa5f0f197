"""The document of this API, and a page to read it and try it."""

from functools import cache, partial
from pathlib import Path
from typing import Any

import flask_swagger_ui  # type: ignore[import-untyped]
from flask import Blueprint, Flask, Response, current_app, send_from_directory

from playlist_api.api.openapi.document import build_document
from playlist_api.api.responses import response
from playlist_api.api.schemas import document_schema

blueprint = Blueprint("documentation", __name__)
page = Blueprint("docs", __name__, url_prefix="/docs")

OWN = Path(__file__).parents[1] / "static"
BUNDLE = Path(flask_swagger_ui.__file__).with_name("dist")
FILES = {"docs.js": OWN} | dict.fromkeys(
    ("favicon-32x32.png", "swagger-ui.css", "swagger-ui-bundle.js"), BUNDLE
)

KEPT = 3600
"""Seconds that browsers may keep the page's files."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Scripts only of our own; Swagger UI sets styles in its markup and draws icons by data: URLs."""


def init_app(app: Flask, *, with_page: bool) -> None:
    """Serve the document, and the page if it is wanted."""
    app.extensions["openapi"] = cache(partial(build_document, app))
    app.register_blueprint(blueprint)
    if with_page:
        app.register_blueprint(page)


@blueprint.get("/openapi.json")
@response(document_schema, etag=True)
def get_document() -> Any:
    """Read this document."""
    return current_app.extensions["openapi"]()


@page.get("")
def show_page() -> Response:
    response = send_from_directory(OWN, "docs.html", conditional=False)
    response.headers["Content-Security-Policy"] = POLICY
    return response


@page.get("/<any('docs.js', 'favicon-32x32.png', 'swagger-ui.css', 'swagger-ui-bundle.js'):name>")
def send_file(name: str) -> Response:
    return send_from_directory(FILES[name], name, conditional=False, max_age=KEPT)
