"""The page on OWASP's ASVS claims nothing that is not there to be looked at."""

import ast
import re
from hashlib import sha256

import pytest

from tests.support.service import ROOT

DOCS = ROOT / "docs"
PAGE = (DOCS / "asvs.md").read_text()
ID = r"\d+\.\d+\.\d+"
LINES = re.findall(rf"^{ID}.* \|.*", PAGE, re.M)
NOT_APPLICABLE = re.findall(rf"^({ID}(?:, {ID})*) \| ([12]) \| [^|]+$", PAGE, re.M)
ROWS = [
    (number, level, state, evidence)
    for level, rows in re.findall(r"^## Level (\d)$(.*?)(?=^## )", PAGE, re.M | re.S)
    for number, state, evidence in re.findall(
        rf"^({ID}) \| (met|partly|not met) \| ([^|\n]+)$", rows, re.M
    )
]
GAPS = (DOCS / "security.md").read_text().partition("## Gaps")[2]

STANDARD = "db6d694ac41f400122cce7c6311f0df8b978435381bc18470590ed243f4ea08d"
"""SHA-256 of the sorted lines `id level` of ASVS 5.0.0: 70 are of level 1, 183 of level 2."""

TESTS = {
    node.name
    for path in ROOT.glob("tests/test_*.py")
    for node in ast.walk(ast.parse(path.read_text()))
    if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
}


def resolves(name: str) -> bool:
    return name in TESTS or (ROOT / name).is_file()


def test_every_requirement_is_there_once_with_its_level() -> None:
    assert len(ROWS) + len(NOT_APPLICABLE) == len(LINES)
    ids = [(each, level) for listed, level in NOT_APPLICABLE for each in listed.split(", ")]
    told = sorted(f"{each} {level}" for each, level in [*ids, *(row[:2] for row in ROWS)])
    assert (len(told), sha256("\n".join(told).encode()).hexdigest()) == (253, STANDARD)


@pytest.mark.parametrize(("state", "evidence"), [row[2:] for row in ROWS], ids=[r[0] for r in ROWS])
def test_what_shows_a_requirement_is_there(state: str, evidence: str) -> None:
    names = re.findall("`(.+?)`", evidence)
    assert [name for name in names if not resolves(name)] == []
    assert state != "met" or names or "](" in evidence


def test_what_is_missing_is_among_the_gaps() -> None:
    missing = {number for number, _, state, _ in ROWS if state != "met"}
    assert missing == set(re.findall(ID, GAPS)) - {"6.3.8"}  # of level 3


def test_the_summary_counts_the_rows() -> None:
    numbers = [len(ROWS)]
    for levels in ("12", "1", "2"):
        states = [row[2] for row in ROWS if row[1] in levels]
        numbers += map(states.count, ("met", "partly", "not met"))
    summary = (
        "Of {} requirements that apply, {} are met, {} partly and {} not:"
        " at level 1 {}, {} and {}, at level 2 {}, {} and {}."
    ).format(*numbers)
    assert summary in (DOCS / "security.md").read_text()
