"""The OpenAPI document, and a page on which to read it and try it."""

from functools import cache, partial
from pathlib import Path
from typing import Any

import flask_swagger_ui  # type: ignore[import-untyped]
from flask import Blueprint, Flask, Response, current_app, send_from_directory
from marshmallow import fields

from playlist_api.api.openapi import build_document
from playlist_api.api.responses import response
from playlist_api.api.schemas import ResponseSchema

blueprint = Blueprint("documentation", __name__)
page = Blueprint("docs", __name__, url_prefix="/docs")

STATIC = Path(__file__).parents[1] / "static"
SWAGGER_UI = Path(flask_swagger_ui.__file__).with_name("dist")
FILES = {"docs.js": STATIC} | dict.fromkeys(
    ("favicon-32x32.png", "swagger-ui.css", "swagger-ui-bundle.js"), SWAGGER_UI
)

FILE_MAX_AGE = 3600
"""Seconds that browsers may cache the page's files."""

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Swagger UI sets styles in its markup and draws icons from data: URLs."""


class DocumentSchema(ResponseSchema):
    """An OpenAPI document: https://spec.openapis.org/oas/v3.1.0."""

    openapi = fields.String()
    info = fields.Dict()
    servers = fields.List(fields.Dict())
    tags = fields.List(fields.Dict())
    paths = fields.Dict()
    components = fields.Dict()


document_schema = DocumentSchema()


def init_app(app: Flask, *, with_page: bool) -> None:
    """Serve the document and, if wanted, the page."""
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
    response = send_from_directory(STATIC, "docs.html", conditional=False)
    response.headers["Content-Security-Policy"] = PAGE_POLICY
    return response


@page.get(f"/<any{tuple(FILES)}:name>")
def send_file(name: str) -> Response:
    return send_from_directory(FILES[name], name, conditional=False, max_age=FILE_MAX_AGE)
