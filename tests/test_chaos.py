"""Faults under load cost no acknowledged write, in a short form; and journals are right."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest
from werkzeug.datastructures import Headers

from benchmarks.chaos.clients import Journal, Sample, Verdict, problem, verdict
from benchmarks.chaos.faults import FAULTS, Fault
from benchmarks.chaos.rounds import Round, play, row
from benchmarks.chaos.system import System, system
from benchmarks.client import Response

ACKNOWLEDGED, REFUSED, IN_DOUBT = Verdict.ACKNOWLEDGED, Verdict.REFUSED, Verdict.IN_DOUBT


@pytest.fixture(scope="module")
def whole() -> Iterator[System]:
    with system() as made:
        yield made


@pytest.mark.parametrize(
    "name",
    ["worker killed", "gunicorn reloaded", "PostgreSQL restarted, fast", "PostgreSQL killed"],
)
def test_a_fault_breaks_no_promise(name: str, whole: System) -> None:
    played = play(FAULTS[name], whole, seconds=0)
    assert played.broken == []
    assert played.verdicts[ACKNOWLEDGED] > 0


@pytest.mark.parametrize(
    ("told", "there", "found"),
    [
        ([("1999", ACKNOWLEDGED)], [("Heat", "1999")], []),
        ([("1999", ACKNOWLEDGED)], [], ["lost: Heat is None, not {'1999'}"]),
        ([("1999", REFUSED)], [], []),
        (
            [("1999", REFUSED)],
            [("Heat", "1999")],
            ["refused but done: Heat is 1999, not {None}"],
        ),
        ([("1999", IN_DOUBT)], [], []),
        ([("1999", IN_DOUBT)], [("Heat", "1999")], []),
        ([("1999", ACKNOWLEDGED), ("2000", IN_DOUBT)], [("Heat", "1999")], []),
        ([("1999", ACKNOWLEDGED), ("2000", IN_DOUBT)], [("Heat", "2000")], []),
        (
            [("1999", ACKNOWLEDGED), ("2000", ACKNOWLEDGED)],
            [("Heat", "1999")],
            ["lost: Heat is 1999, not {'2000'}"],
        ),
        ([("1999", ACKNOWLEDGED), (None, ACKNOWLEDGED)], [], []),
        (
            [("1999", ACKNOWLEDGED), (None, REFUSED)],
            [],
            ["refused but done: Heat is None, not {'1999'}"],
        ),
        ([("1999", IN_DOUBT), ("1999", ACKNOWLEDGED)], [("Heat", "1999")], []),
        (
            [("1999", IN_DOUBT), ("1999", ACKNOWLEDGED)],
            [("Heat", "1999"), ("Heat", "1999")],
            ["there twice: Heat"],
        ),
        ([], [("Heat", "1999")], ["lost: Heat is 1999, not {None}"]),
    ],
)
def test_a_journal_finds_what_differs_from_what_was_acknowledged(
    told: list[tuple[str | None, Verdict]], there: list[tuple[str, str]], found: list[str]
) -> None:
    journal = Journal()
    for year, what in told:
        journal.note("Heat", year, what)
    assert list(journal.compare(there)) == found


def test_only_an_answer_of_the_service_settles_what_came_of_a_write() -> None:
    told = {status: verdict(status) for status in (0, 201, 204, 401, 409, 500, 502, 503, 504)}
    assert {status for status, known in told.items() if known is IN_DOUBT} == {0, 502, 504}
    assert {status for status, known in told.items() if known is ACKNOWLEDGED} == {201, 204}


@pytest.mark.parametrize(
    ("status", "retry_after", "body", "wrong"),
    [
        (200, "", b"", False),
        (503, "5", b'{"error": {"code": "SERVICE_UNAVAILABLE", "message": "Busy."}}', False),
        (503, "", b'{"error": {"code": "SERVICE_UNAVAILABLE", "message": "Busy."}}', True),
        (502, "5", b"<html>", True),
        (502, "5", b"[]", True),
        (500, "5", b'{"error": {"code": "INTERNAL_ERROR", "message": "Oh."}}', True),
        (404, "", b'{"error": {"code": "NOT_FOUND", "message": "Gone."}}', True),
        (0, "", b"the connection was lost", False),
    ],
)
def test_only_a_well_formed_busy_answer_is_acceptable(
    status: int, retry_after: str, body: bytes, wrong: bool
) -> None:
    headers = Headers({"Retry-After": retry_after})
    assert bool(problem(Response(status, headers, body), {200})) is wrong


FAULT = Fault(lambda *_: None)
GOOD = Sample("user", "GET /me", 9.9, 10.25, 200, expected=True)


def bad(client: str, status: int, problem: str = "") -> Sample:
    return Sample(client, "GET /me", 9, 10, status, expected=False, problem=problem)


@pytest.mark.parametrize(
    ("sample", "fault", "promise"),
    [
        (GOOD, FAULT, ""),
        (bad("user", 503), FAULT, ""),
        (bad("user", 503), replace(FAULT, flawless=True), "failed"),
        (bad("live", 503), FAULT, "failed"),
        (bad("live", 502), replace(FAULT, live=False), ""),
        (bad("ended session", 503), FAULT, ""),
        (bad("ended session", 200), FAULT, "a token was let in"),
        (bad("user", 500, "500"), FAULT, "500"),
    ],
)
def test_each_broken_promise_is_reported(sample: Sample, fault: Fault, promise: str) -> None:
    played = Round([sample, GOOD], recovered=10)
    played.judge(fault)
    assert [told[: len(promise)] for told in played.broken] == [promise] * bool(promise)


def test_never_to_answer_again_is_a_broken_promise() -> None:
    played = Round([GOOD], recovered=11)
    played.judge(FAULT)
    assert played.broken == ["no good answer after recovery"]


def test_a_row_counts_all_rounds() -> None:
    verdicts = Counter({ACKNOWLEDGED: 1, IN_DOUBT: 1})
    one = Round([GOOD, bad("user", 503)], 10, verdicts, ["lost: Heat"])
    assert row("frozen", [(one, FAULT)] * 2) == (
        *("frozen", 2, "4", "2 x 503", "2", 2, 0, 2, "1.0", "0", "0.25", "2 x lost"),
    )
