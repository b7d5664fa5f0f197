"""Serving pictures in development; in production nginx or the bucket does."""

from flask import Blueprint, Flask, Response, current_app, send_from_directory
from werkzeug.routing import BaseConverter

from playlist_api.config import Settings
from playlist_api.posters.media import MEDIA_HEADERS, PICTURE_FILE, media_type
from playlist_api.posters.storage import Folder

blueprint = Blueprint("pictures", __name__, url_prefix="/media")

FOREIGN = {
    "Content-Security-Policy": (
        "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; sandbox"
    ),
    "Cross-Origin-Resource-Policy": "cross-origin",
}
"""Opened alone, a picture may do nothing; pages of any origin may embed it."""


class PictureName(BaseConverter):
    """The name of a picture's file in a URL."""

    regex = PICTURE_FILE.pattern


def init_app(app: Flask, settings: Settings) -> None:
    """Serve the folder of pictures, if there is one, in development."""
    media = app.extensions["media"]
    if media and isinstance(media.storage, Folder) and not settings.production:
        app.url_map.converters["picture"] = PictureName
        app.register_blueprint(blueprint)


@blueprint.get("/<picture:name>")
def send_picture(name: str) -> Response:
    folder = current_app.extensions["media"].storage.path
    response = send_from_directory(folder, name, mimetype=media_type(name))
    response.headers.update(MEDIA_HEADERS | FOREIGN)
    return response
