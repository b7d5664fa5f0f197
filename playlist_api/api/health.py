"""Whether the service can serve."""

from flask import Blueprint

from playlist_api.api.responses import other_responses, response
from playlist_api.api.schemas import health_schema
from playlist_api.db.statements import ping
from playlist_api.errors import ServiceUnavailable

blueprint = Blueprint("health", __name__, url_prefix="/health")

OK = {"status": "ok"}


@blueprint.get("")
@response(health_schema)
@other_responses(ServiceUnavailable)
def get_health() -> dict[str, str]:
    """Ask whether the service can serve, its database included."""
    ping()
    return OK


@blueprint.get("/live")
@response(health_schema)
def get_liveness() -> dict[str, str]:
    """Ask whether the process answers, whatever its database does."""
    return OK
