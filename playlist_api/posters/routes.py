"""People's pictures, where nobody else serves them."""

from flask import Blueprint, Flask, Response, current_app, send_from_directory
from werkzeug.routing import BaseConverter

from playlist_api.config import Settings
from playlist_api.posters.media import HEADERS, TYPES, type_of
from playlist_api.posters.storage import Folder

blueprint = Blueprint("pictures", __name__, url_prefix="/media")
FOREIGN = {
    "Content-Security-Policy": (
        "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; sandbox"
    ),
    "Cross-Origin-Resource-Policy": "cross-origin",
}
"""Shown alone they may do nothing, and pages of all origins may show them."""


class PictureName(BaseConverter):
    """The name of a picture, or of the small one beside it."""

    regex = rf"[0-9a-f]{{64}}(?:-400\.webp|\.(?:{'|'.join(TYPES)}))"


def init_app(app: Flask, settings: Settings) -> None:
    """Serve what is in a folder, in development; in production it is nginx's."""
    place = app.extensions["media"]
    if place and isinstance(place.storage, Folder) and not settings.production:
        app.url_map.converters["picture"] = PictureName
        app.register_blueprint(blueprint)


@blueprint.get("/<picture:name>")
def send_picture(name: str) -> Response:
    folder = current_app.extensions["media"].storage.path
    response = send_from_directory(folder, name, mimetype=type_of(name))
    response.headers.update(HEADERS | FOREIGN)
    return response
