"""Which web pages may make a browser use its cookie here."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from flask import current_app, request

from playlist_api.api.operations import operation_of
from playlist_api.errors import Forbidden
from playlist_api.ops import events

View = TypeVar("View", bound=Callable[..., Any])


def allowed_origin_required(view: View) -> View:
    """Refuse calls that a browser makes for a page of a foreign origin, as forged ones would be.

    Requests without an `Origin` are let through: no browser leaves it out of a POST
    (OWASP, Cross-Site Request Forgery Prevention Cheat Sheet, on verifying origins).

    :raises Forbidden: for an `Origin` that is neither configured nor the page's at `/docs`.
    """
    operation_of(view).failures.add(403)

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        origin = request.headers.get("Origin")
        if not (origin is None or _is_allowed(origin)):
            events.record("foreign_origin_refused", origin=origin)
            raise Forbidden("This page may not use your session.")
        return view(*args, **kwargs)

    return cast(View, guarded)


def _is_allowed(origin: str) -> bool:
    own = current_app.config["DOCS_ENABLED"] and origin == f"{request.scheme}://{request.host}"
    return own or origin in current_app.config["CORS_ORIGINS"]
