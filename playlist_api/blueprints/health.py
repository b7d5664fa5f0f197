"""Whether the service can serve: `/health`."""

from flask import Blueprint

from playlist_api import database

blueprint = Blueprint("health", __name__, url_prefix="/health")

OK = {"status": "ok"}


@blueprint.get("")
def ready() -> dict[str, str]:
    database.ping()
    return OK


@blueprint.get("/live")
def live() -> dict[str, str]:
    return OK
