"""Whether the service can serve."""

from flask import Blueprint

from playlist_api import database
from playlist_api.blueprints.answering import answer, failures
from playlist_api.errors import ServiceUnavailable
from playlist_api.schemas.answers import health_answer

blueprint = Blueprint("health", __name__, url_prefix="/health")

OK = {"status": "ok"}


@blueprint.get("")
@answer(health_answer)
@failures(ServiceUnavailable)
def get_health() -> dict[str, str]:
    """Ask whether the service can serve, its database included."""
    database.ping()
    return OK


@blueprint.get("/live")
@answer(health_answer)
def get_liveness() -> dict[str, str]:
    """Ask whether the process answers, whatever its database does."""
    return OK
