"""Figures for operators."""

from flask import Blueprint, Response, request
from prometheus_client import CONTENT_TYPE_LATEST
from werkzeug.exceptions import NotFound

from playlist_api.ops.metrics import exposition

blueprint = Blueprint("metrics", __name__)


@blueprint.before_request
def refuse_proxies() -> None:
    """Hide from the public: whoever comes by way of a proxy is told of there."""
    if "X-Forwarded-For" in request.headers:
        raise NotFound


@blueprint.get("/metrics")
def get_metrics() -> Response:
    return Response(exposition(), content_type=CONTENT_TYPE_LATEST)
