"""The page on OWASP's ASVS claims nothing that is not there to be looked at."""

import ast
import re
from hashlib import sha256

import pytest

from tests.service import ROOT

DOCS = ROOT / "docs"
ROW = re.compile(r"\| (\d+\.\d+\.\d+) \| ([12]) \| [^|]+ \| (met|partly|not met) \| ([^|]+) \|")
NOT_APPLICABLE = re.compile(r"\| (\d+\.\d+\.\d+(?:, \d+\.\d+\.\d+)*) \| ([12]) \| [^|]+ \|")
LINES = re.findall(r"^\| \d.*", (DOCS / "asvs.md").read_text().partition("## NIST")[0], re.M)
ROWS = [row.groups() for row in map(ROW.fullmatch, LINES) if row]

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


def leads_somewhere(link: str) -> bool:
    page, _, anchor = link.partition("#")
    headings = re.findall(r"^#+ (.*)", (DOCS / page).read_text().lower(), re.M)
    anchors = {re.sub(r"[^\w -]", "", heading).replace(" ", "-") for heading in headings}
    return not anchor or anchor in anchors


def test_every_requirement_is_there_once_with_its_level() -> None:
    others = [row.groups() for row in map(NOT_APPLICABLE.fullmatch, LINES) if row]
    assert len(ROWS) + len(others) == len(LINES)
    ids = [(each, level) for listed, level in others for each in listed.split(", ")]
    told = sorted(f"{each} {level}" for each, level in [*ids, *(row[:2] for row in ROWS)])
    assert (len(told), sha256("\n".join(told).encode()).hexdigest()) == (253, STANDARD)


@pytest.mark.parametrize(("state", "evidence"), [row[2:] for row in ROWS], ids=[r[0] for r in ROWS])
def test_what_shows_a_requirement_is_there(state: str, evidence: str) -> None:
    links, names = re.findall(r"\]\((.+?)\)", evidence), re.findall("`(.+?)`", evidence)
    claimed = [name for name in names if re.fullmatch(r"test_\w+|\w[\w.-]*/[\w./-]+", name)]
    assert [name for name in claimed if not resolves(name)] == []
    assert all(map(leads_somewhere, links))
    assert state != "met" or links or any(map(resolves, names))


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
