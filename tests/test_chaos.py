"""Faults under load cost no write that was acknowledged, in a short form; and journals are true."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from werkzeug.datastructures import Headers

from benchmarks.chaos.clients import Sample, problem
from benchmarks.chaos.fault import Fault
from benchmarks.chaos.faults import FAULTS
from benchmarks.chaos.journal import Findings, Journal, Verdict, verdict
from benchmarks.chaos.results import Round, line, total
from benchmarks.chaos.rounds import play
from benchmarks.chaos.system import Scene, System, system
from tests.service import JSON, Answer

ACKNOWLEDGED, REFUSED, IN_DOUBT = Verdict.ACKNOWLEDGED, Verdict.REFUSED, Verdict.IN_DOUBT


@pytest.fixture(scope="module")
def whole() -> Iterator[System]:
    with system(Scene()) as made:
        yield made


@pytest.mark.parametrize(
    "name",
    ["worker killed", "HUP", "PostgreSQL restarted, fast", "PostgreSQL killed"],
)
def test_a_fault_breaks_no_promise(name: str, whole: System) -> None:
    played = play(FAULTS[name], whole, seconds=0)
    assert list(played.broken(FAULTS[name])) == []
    assert played.told(ACKNOWLEDGED) > 0


@pytest.mark.parametrize(
    ("told", "there", "found"),
    [
        ([("1999", ACKNOWLEDGED)], [("Heat", "1999")], Findings()),
        ([("1999", ACKNOWLEDGED)], [], Findings(lost=["Heat is None, not {'1999'}"])),
        ([("1999", REFUSED)], [], Findings()),
        (
            [("1999", REFUSED)],
            [("Heat", "1999")],
            Findings(refused_but_done=["Heat is 1999, not {None}"]),
        ),
        ([("1999", IN_DOUBT)], [], Findings()),
        ([("1999", IN_DOUBT)], [("Heat", "1999")], Findings()),
        ([("1999", ACKNOWLEDGED), ("2000", IN_DOUBT)], [("Heat", "1999")], Findings()),
        ([("1999", ACKNOWLEDGED), ("2000", IN_DOUBT)], [("Heat", "2000")], Findings()),
        (
            [("1999", ACKNOWLEDGED), ("2000", ACKNOWLEDGED)],
            [("Heat", "1999")],
            Findings(lost=["Heat is 1999, not {'2000'}"]),
        ),
        ([("1999", ACKNOWLEDGED), (None, ACKNOWLEDGED)], [], Findings()),
        (
            [("1999", ACKNOWLEDGED), (None, REFUSED)],
            [],
            Findings(refused_but_done=["Heat is None, not {'1999'}"]),
        ),
        ([("1999", IN_DOUBT), ("1999", ACKNOWLEDGED)], [("Heat", "1999")], Findings()),
        (
            [("1999", IN_DOUBT), ("1999", ACKNOWLEDGED)],
            [("Heat", "1999"), ("Heat", "1999")],
            Findings(twice=["Heat"]),
        ),
        ([], [("Heat", "1999")], Findings(lost=["Heat is 1999, not {None}"])),
    ],
)
def test_a_journal_tells_what_is_not_as_it_was_acknowledged(
    told: list[tuple[str | None, Verdict]], there: list[tuple[str, str]], found: Findings
) -> None:
    journal, findings = Journal(), Findings()
    for year, what in told:
        journal.note("Heat", year, what)
    journal.compare(there, findings)
    assert findings == found


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
def test_being_busy_has_its_form_and_all_else_is_wrong(
    status: int, retry_after: str, body: bytes, wrong: bool
) -> None:
    headers = Headers({"Content-Type": JSON, "Retry-After": retry_after})
    assert bool(problem(Answer(status, headers, body), {200})) is wrong


NOTHING = Fault(lambda *_: None)
GOOD = Sample("me", 9.9, 10.25, 200, expected=True)


@pytest.mark.parametrize(
    ("sample", "fault", "promise"),
    [
        (GOOD, NOTHING, ""),
        (Sample("me", 9, 10, 503, expected=False), NOTHING, ""),
        (Sample("me", 9, 10, 503, expected=False), replace(NOTHING, flawless=True), "failed"),
        (Sample("live", 9, 10, 503, expected=False), NOTHING, "failed"),
        (Sample("live", 9, 10, 502, expected=False), replace(NOTHING, live=False), ""),
        (Sample("ended session", 9, 10, 503, expected=False), NOTHING, ""),
        (Sample("ended session", 9, 10, 200, expected=False), NOTHING, "a token was let in"),
        (Sample("me", 9, 10, 500, expected=False, problem="500"), NOTHING, "500"),
    ],
)
def test_each_broken_promise_is_told(sample: Sample, fault: Fault, promise: str) -> None:
    played = Round([sample, GOOD], [], recovered=10)
    assert [told[: len(promise)] for told in played.broken(fault)] == [promise] * bool(promise)


def test_never_to_answer_again_is_a_broken_promise() -> None:
    assert list(Round([GOOD], [], recovered=11).broken(NOTHING)) == [
        "no good answer after recovery"
    ]


def test_a_line_counts_all_rounds_and_the_total_all_faults() -> None:
    journal = Journal()
    journal.note("Heat", "1999", ACKNOWLEDGED)
    journal.note("Ronin", "1998", IN_DOUBT)
    busy = Sample("add", 8, 9, 503, expected=False)
    one = Round([GOOD, busy], [journal], recovered=10, findings=Findings(lost=["Heat: gone"]))
    assert line("frozen", [one, one], NOTHING) == (
        "| frozen | 2 | 4 | 2 x 503 | 2 | 2 | 0 | 2 | 1.0 | 0 | 0.25 | 2 x lost |"
    )
    assert total({"frozen": [one], "cut": [one]}, {"frozen": NOTHING, "cut": NOTHING}) == (
        "2 faults, 2 rounds, 4 requests. Of 2 acknowledged writes 2 lost, of the refused ones 0 "
        "done; 2 in doubt. Worst recovery 0.25 s. 2 promises broken."
    )
