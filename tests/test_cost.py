"""No request is dear, whatever it holds: every field is filled with nasty inputs and measured."""

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Any

import pytest
from flask import Blueprint, Flask

from benchmarks.cost.audit import Audit, reduced
from benchmarks.cost.budgets import BUDGETS, MIB, PICTURES, READ, budget_of, table
from benchmarks.cost.inputs import TEXTS, Family, Place, Request, places
from benchmarks.cost.measure import Meter, connect, owner_of, service
from benchmarks.pictures import largest_pictures
from playlist_api.api.arguments import body
from playlist_api.api.fields import CamelCase, Text
from playlist_api.api.responses import response
from tests.conftest import Databases
from tests.support.document import calls, document
from tests.support.pictures import movie_of
from tests.support.service import ROOT, InProcess, sign_up

ADDED = "POST /added"


@pytest.fixture(scope="module")
def audit(database_url: str) -> Iterator[Audit]:
    with Meter(database_url) as meter:
        yield Audit(meter)


def test_every_field_with_every_family_keeps_its_budget_and_grows_no_faster_than_its_size(
    audit: Audit,
) -> None:
    for check in reduced(places(document())):
        audit.check(*check)
    assert not audit.findings, "\n".join(audit.findings)


def test_a_movie_as_large_as_it_may_be_keeps_its_budget(audit: Audit) -> None:
    audit.findings.clear()
    for place in places(document()):
        if place.request.call == "POST /movies" and place.field == "body.imageUrl":
            for family in (*place.families, *TEXTS["\U00020000"]):
                audit.check(place, family, place.times(family, place.limit))
    assert not audit.findings, "\n".join(audit.findings)


def test_the_largest_pictures_keep_their_budget(audit: Audit) -> None:
    audit.findings.clear()
    place = next(place for place in places(document()) if place.takes_pictures)
    costly = replace(place, request=replace(place.request, call=PICTURES))
    for name, picture in largest_pictures().items():
        audit.check(costly, Family(name, picture), 1)
    assert not audit.findings, "\n".join(audit.findings)


@pytest.mark.parametrize("call_", ["POST /movies", "POST /movies/import"])
def test_nothing_large_that_was_sent_is_kept(audit: Audit, call_: str) -> None:
    audit.findings.clear()
    for place in places(document()):
        if place.request.call == call_ and re.match("body\\.[a-z]|json|csv", place.field, re.I):
            audit.check_kept(place, MIB)
    assert not audit.findings, "\n".join(audit.findings)


def test_an_account_with_many_keys_and_pictures_is_exported_in_bounded_memory(
    databases: Databases,
) -> None:
    export = Request("GET /me/export", "GET", "/me/export", security=("accessToken",))
    url = databases.make_with_tables()
    owner = owner_of(service(url), movies=1, others=20_000)
    with Meter(url, reader=owner) as meter:
        cost = meter.measure(export, 10)
    assert cost.status == 200
    assert cost.memory < budget_of(export.call).memory


LONGEST = """UPDATE "Movie" SET "imageUrl" = 'http://e.com/' || repeat(%s, 2035 / length(%s))"""


@pytest.mark.parametrize("format_", ["csv", "json"])
@pytest.mark.parametrize("unit", ["\U0001f600", ";="])
def test_a_list_of_the_longest_urls_is_exported_within_its_budget(
    databases: Databases, format_: str, unit: str
) -> None:
    query = f"format={format_}"
    security = ("accessToken",)
    export = Request("GET /movies/export", "GET", "/movies/export", query=query, security=security)
    url = databases.make_with_tables()
    owner = owner_of(service(url), movies=10_000, others=1)
    with connect(url) as connection:
        connection.cursor().execute(LONGEST, (unit, unit))
    with Meter(url, reader=owner) as meter:
        cost = meter.measure(export, 10)
    assert cost.status == 200
    assert cost.cpu < BUDGETS[export.call].cpu / 5  # a tenth of the longest list, twice over
    assert cost.memory < BUDGETS[export.call].memory


# What follows is a service with a call that is as it should not be.


def _quadratic(text: str) -> None:
    re.search(" +x", text)


def _large(text: str) -> None:
    len(text * 8192)


def _endless(text: str) -> None:
    while "/" * 9 in text:
        pass


@lru_cache(1000)
def _kept(text: str) -> None:
    pass


class Added(CamelCase):
    """Fields that cost too much."""

    example = dict.fromkeys(("fine", "quadratic", "large", "endless", "kept"), "a")

    fine = Text()
    quadratic = Text(_quadratic)
    large = Text(_large)
    endless = Text(_endless)
    kept = Text(_kept)


def dear_service(database_url: str) -> Flask:
    """Make the application with a call more."""
    app = service(database_url)
    blueprint = Blueprint("added", __name__)

    @blueprint.post("/added")
    @body(Added())
    @response(None)
    def added(_: dict[str, Any]) -> None:
        """Load the fields."""

    app.register_blueprint(blueprint)
    return app


@pytest.fixture(scope="module")
def added(database_url: str) -> dict[str, Place]:
    """The places that a schema's fields make by being there."""
    made = places(dear_service(database_url).extensions["openapi"]())
    return {place.field: place for place in made if place.request.call == ADDED}


UNITS = {"body.large": {"/"}, "body.endless": {"/"}, "body.kept": {"/"}}
"""What fields are filled with whose measurement takes long; others with two units."""


@pytest.fixture(scope="module")
def findings(database_url: str, added: dict[str, Place]) -> list[str]:
    with Meter(database_url, dear_service) as meter:
        audit = Audit(meter)
        fields = [place for name, place in added.items() if name.startswith("body.")]
        for place, family, times in reduced(fields):
            if family.unit in UNITS.get(place.field, {" ", "/"}):
                audit.check(place, family, times)
        for name in ("fine", "kept"):
            audit.check_kept(added[f"body.{name}"], MIB // 32)
    return audit.findings


def test_a_field_that_is_added_to_a_schema_is_measured(added: dict[str, Place]) -> None:
    assert {f"body.{name}" for name in Added.example} <= added.keys()


@pytest.mark.parametrize(
    ("field", "told"),
    [
        ("quadratic", "' ' .* ms of CPU at a quarter, half and whole"),
        ("large", "MiB of memory, and 32 are allowed"),
        ("endless", "'/' .* ended after"),
        ("kept", "MiB are kept"),
    ],
)
def test_a_field_that_is_dear_is_named(findings: list[str], field: str, told: str) -> None:
    assert [each for each in findings if re.search(f"^{ADDED} body.{field}: .*{told}", each)]


def test_a_field_that_is_not_dear_is_not_named(findings: list[str]) -> None:
    assert not [each for each in findings if "body.fine" in each]


def test_the_document_of_security_has_the_budgets() -> None:
    assert table() in (ROOT / "docs" / "security.md").read_text()


def test_the_budgets_name_no_other_calls() -> None:
    assert BUDGETS.keys() - {PICTURES} <= set(calls())


@pytest.mark.parametrize("call_", [c for c in calls() if budget_of(c).bytes > READ.bytes])
def test_a_larger_body_than_the_budget_allows_is_refused(app: Flask, call_: str) -> None:
    method, path = call_.split()
    ada = sign_up(InProcess(app))
    path = path.replace("{id}", str(ada.add_movie()["id"]))
    for size, refused in ((budget_of(call_).bytes, False), (budget_of(call_).bytes + 1, True)):
        sent = movie_of(size)
        assert (ada.call(method, path, sent).status == 413) is refused, size
