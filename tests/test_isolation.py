"""Who may do what: every route, for its owner, another user, an admin, nobody and a past session.

The same matrix holds for any running server: see `make isolation` in CONTRIBUTING.md.
"""

import re
from typing import Any

import pytest

from tests.support.document import calls
from tests.support.pictures import POSTER
from tests.support.service import PASSWORD, Actor, Answer, Remote, call, new_email, sign_up

CALLERS = ("owner", "another user", "admin", "nobody", "ended session")

OWN = (200, 200, 200, 401, 401)
PUBLIC = (200, 200, 200, 200, 200)

OTHERS = {
    **dict.fromkeys(("GET /health", "GET /health/live", "GET /metrics"), PUBLIC),
    **dict.fromkeys(("GET /openapi.json", "GET /docs", "GET /docs/{name}"), PUBLIC),
    "GET /media/{name}": PUBLIC,
    "POST /auth/signup": (201, 201, 201, 201, 201),
    "POST /auth/login": PUBLIC,
    "POST /auth/logout": (204, 204, 204, 204, 204),
    "DELETE /auth/sessions": (204, 204, 204, 401, 401),
    "DELETE /auth/sessions/{id}": (204, 404, 404, 401, 401),
    "PUT /auth/password": (204, 204, 204, 401, 401),
    "POST /auth/password/forgot": (202, 202, 202, 202, 202),
    "POST /auth/password/reset": (400, 400, 400, 400, 400),
    "DELETE /me": (204, 204, 204, 401, 401),
    "POST /movies": (201, 201, 201, 401, 401),
    **dict.fromkeys(("GET /movies/{id}", "PUT /movies/{id}"), (200, 403, 200, 401, 401)),
    "PATCH /movies/{id}": (200, 403, 200, 401, 401),
    "DELETE /movies/{id}": (204, 403, 204, 401, 401),
}
"""The calls that answer differently from a call about the caller's own data."""

MATRIX = {route: OTHERS.get(route, OWN) for route in calls()}

BODIES: dict[str, dict[str, Any]] = {
    "POST /auth/password/reset": {"token": "x", "newPassword": PASSWORD},
    "PATCH /me": {"name": "Ada"},
    "POST /movies": {"title": "Ronin"},
    "POST /movies/import": {"movies": [{"title": "Ronin"}]},
    "PUT /movies/{id}": {"title": "Ronin"},
    "PATCH /movies/{id}": {"title": "Ronin", "imageUrl": POSTER},
}


def body_of(route: str, owner: Actor, caller: Actor | None) -> dict[str, Any] | None:
    password = caller.password if caller else PASSWORD
    if route == "POST /auth/signup":
        return {"name": "Ada", "email": new_email(), "password": PASSWORD}
    if route == "POST /auth/login":
        return {"email": owner.email, "password": PASSWORD}
    if route == "POST /auth/password/forgot":
        return {"email": new_email()}
    if route == "PUT /auth/password":
        return {"currentPassword": password, "newPassword": password}
    if route == "DELETE /me":
        return {"currentPassword": password}
    return BODIES.get(route)


def thing_of(route: str, owner: Actor) -> str:
    """Make what the route is about, and name it: a movie or a session of the owner's."""
    if "docs" in route:
        return "docs.js"
    if "media" in route:
        kept: str = owner.add_movie(imageUrl=POSTER)["imageUrl"]
        return kept.rpartition("/")[2]
    if "sessions" in route:
        sessions = owner.get("/auth/sessions").json["items"]
        return str(next(session["id"] for session in sessions if session["current"]))
    return str(owner.add_movie()["id"])


def ask(route: str, owner: Actor, caller: Actor | None) -> Answer:
    """Send the route's request for something of the owner's, with all that the caller holds."""
    method, path = route.split()
    if "{" in path:
        path = re.sub("{.*}", thing_of(route, owner), path)
    tokens = {"token": caller.token, "cookie": caller.cookie} if caller else {}
    return call(owner.service, method, path, body_of(route, owner, caller), **tokens)


def test_the_matrix_names_no_other_routes() -> None:
    assert OTHERS.keys() <= MATRIX.keys()


@pytest.mark.parametrize("route", MATRIX)
def test_every_route_answers_each_caller_as_the_matrix_says(
    ada: Actor, bob: Actor, admin: Actor, route: str
) -> None:
    ended = sign_up(ada.service)
    ended.post("/auth/logout")
    callers = dict(zip(CALLERS, (ada, bob, admin, None, ended), strict=True))
    del callers["owner"]
    if isinstance(ada.service, Remote):
        if any(path in route for path in ("/docs", "/media", "/metrics")):
            pytest.skip("there need not be a page or pictures, and no figures behind a proxy")
        if route == "DELETE /me":
            del callers["admin"]  # whose account is not for a test to delete
    answers = {name: ask(route, ada, caller).status for name, caller in callers.items()}
    answers["owner"] = ask(route, ada, ada).status
    expected = dict(zip(CALLERS, MATRIX[route], strict=True))
    assert answers == {name: expected[name] for name in answers}
