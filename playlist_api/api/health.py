"""Health and metrics, for load balancers and operators."""

from flask import Blueprint, Response, request
from marshmallow import fields
from marshmallow.validate import OneOf
from prometheus_client import CONTENT_TYPE_LATEST
from werkzeug.exceptions import NotFound

from playlist_api.api.responses import other_responses, response
from playlist_api.api.schemas import ResponseSchema
from playlist_api.db.statements import ping
from playlist_api.errors import ServiceUnavailable
from playlist_api.ops.bulkheads import Bulkhead, client_keys
from playlist_api.ops.metrics import exposition

blueprint = Blueprint("health", __name__, url_prefix="/health")
metrics_blueprint = Blueprint("metrics", __name__)

OK = {"status": "ok"}

# Reading and adding up the files of all workers takes up to 20 ms of processor time.
scrapes = Bulkhead("metrics", 1, queue=4, timeout=5)


class HealthSchema(ResponseSchema):
    """All is well."""

    status = fields.String(validate=OneOf(["ok"]))


health_schema = HealthSchema()


@blueprint.get("")
@response(health_schema)
@other_responses(ServiceUnavailable)
def get_health() -> dict[str, str]:
    """Check whether the service can serve, its database included."""
    ping()
    return OK


@blueprint.get("/live")
@response(health_schema)
def get_liveness() -> dict[str, str]:
    """Check whether the process answers, whatever the state of the database."""
    return OK


@metrics_blueprint.get("/metrics")
def get_metrics() -> Response:
    """Return the metrics, but hide them from requests that came through a proxy.

    :raises TooManyRequests, ServiceUnavailable: when too many others read them.
    """
    if "X-Forwarded-For" in request.headers:
        raise NotFound
    with scrapes.slot(*client_keys()):
        return Response(exposition(), content_type=CONTENT_TYPE_LATEST)
