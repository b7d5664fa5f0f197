"""Who may do what: every route, for its owner, for another user and for nobody."""

import re

import pytest
from flask import Flask

from tests.service import PASSWORD, Actor, Answer, call, new_email, sign_up

MATRIX = {
    # route: the answer to whose it is, to another user, to nobody, to an ended session
    "POST /auth/signup": (201, 201, 201, 201),
    "POST /auth/login": (200, 200, 200, 200),
    "POST /auth/refresh": (200, 200, 401, 401),
    "POST /auth/logout": (204, 204, 204, 204),
    "GET /me": (200, 200, 401, 401),
    "GET /movies": (200, 200, 401, 401),
    "POST /movies": (201, 201, 401, 401),
    "GET /movies/{id}": (200, 403, 401, 401),
    "PUT /movies/{id}": (200, 403, 401, 401),
    "PATCH /movies/{id}": (200, 403, 401, 401),
    "DELETE /movies/{id}": (204, 403, 401, 401),
    "GET /health": (200, 200, 200, 200),
    "GET /health/live": (200, 200, 200, 200),
}


def body_of(route: str, owner: Actor) -> dict[str, str] | None:
    if route == "POST /auth/signup":
        return {"name": "Ada", "email": new_email(), "password": PASSWORD}
    if route == "POST /auth/login":
        return {"email": owner.email, "password": PASSWORD}
    return {"title": "Ronin"} if route.split()[0] in {"POST", "PUT", "PATCH"} else None


def ask(route: str, owner: Actor, caller: Actor | None) -> Answer:
    """Send the route's request, for a movie of the owner's, with all that the caller holds."""
    method, path = route.replace("{id}", str(owner.add_movie()["id"])).split()
    tokens = {"token": caller.token, "cookie": caller.cookie} if caller else {}
    return call(owner.service, method, path, body_of(route, owner), **tokens)


def test_no_route_is_missing_from_the_matrix(app: Flask) -> None:
    routes = {
        f"{method} {re.sub('<[^>]*>', '{id}', rule.rule)}"
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert routes == set(MATRIX)


@pytest.mark.parametrize("route", MATRIX)
def test_every_route_answers_each_caller_as_the_matrix_says(
    ada: Actor, bob: Actor, route: str
) -> None:
    ended = sign_up(ada.service)
    ended.post("/auth/logout")
    callers = (ada, bob, None, ended)
    assert tuple(ask(route, ada, caller).status for caller in callers[1:]) == MATRIX[route][1:]
    assert ask(route, ada, ada).status == MATRIX[route][0]
