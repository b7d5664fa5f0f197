"""The documentation: its links lead somewhere, its examples run, its tables are complete."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import NamedTuple

import pytest
from click import Group
from flask import Flask
from sqlalchemy import create_engine

from playlist_api.config import load_settings
from tests.support.deployment import SETTINGS
from tests.support.service import ROOT, SECRET_KEY, Gunicorn

DOCS = sorted((ROOT / "docs").glob("*.md"))
ROOT_PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
PAGES = [*ROOT_PAGES, *DOCS]
SETTINGS_PAGE = ROOT / "docs/settings.md"
READMES = [*ROOT_PAGES, ROOT / "frontend/README.md", *ROOT.glob("clients/*/README.md")]

FIRST_CALL = ROOT / "clients/typescript/examples/first-call.ts"
MADE = {"frontend/out", "clients/typescript/dist/index.js", "tests/test_newest_movie.py"}
"""What commands and readers of the tutorial make."""

GROUPS = ("backup", "media", "movies", "openapi", "sessions", "users")
"""Groups of commands that are the service's own."""

OTHER_VARIABLES = {
    *("FRONTEND_HOST", "FRONTEND_PORT", "HOST", "NEXT_PUBLIC_API_URL", "PORT"),
    "TEST_DATABASE_URL",
}
"""Variables that gunicorn.conf.py, the front end and the tests read."""


class Block(NamedTuple):
    """A code block of a page."""

    page: str
    line: int
    language: str
    code: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks_of(page: Path) -> Iterator[Block]:
    text = page.read_text()
    for found in re.finditer(r"^( *)```(\w+)\n(.*?)^\1```$", text, re.MULTILINE | re.DOTALL):
        line = text.count("\n", 0, found.start()) + 1
        yield Block(page.name, line, found[2], dedent(found[3]))


BLOCKS = [block for page in PAGES for block in blocks_of(page)]


def blocks_in(language: str, page: str) -> list[Block]:
    return [block for block in BLOCKS if (block.language, block.page) == (language, page)]


def each_block(language: str) -> pytest.MarkDecorator:
    found = [block for block in BLOCKS if block.language == language]
    return pytest.mark.parametrize("block", found, ids=str)


def names_in_table(page: str) -> list[str]:
    """Return what the first cells of a page's tables name as code."""
    cells = re.findall(r"^\| (`.*?) \|", (ROOT / "docs" / page).read_text(), re.MULTILINE)
    return re.findall("`(.+?)`", " ".join(cells))


def anchors_of(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text().lower(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).replace(" ", "-") for heading in headings}


def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    assert "Add a call" in (tmp_path / "contributing/index.html").read_text()


@pytest.mark.parametrize("page", READMES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_outside_of_the_site_leads_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\((?!https?:)(.+?)\)", page.read_text()):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors_of(target), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    folders = "benchmarks|clients|deploy|dev|docs|frontend|migrations|tests"
    named = re.findall(rf"(?<![\w./-])(?:{folders})/[\w.-]+(?:/[\w.-]+)*", page.read_text())
    assert [name for name in set(named) - MADE if not (ROOT / name.rstrip(".")).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_make_command_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:`|^|\t| )make ([a-z-]+)(?=[`\s])", code_of(page), re.MULTILINE))
    assert named <= targets


def code_of(page: Path) -> str:
    text = page.read_text()
    inline = re.findall("`(make [^`\n]+)`", text)
    return "\n".join([*inline, *(block.code for block in blocks_of(page))])


@each_block("sh")
def test_a_shell_block_is_well_formed(block: Block) -> None:
    checked = subprocess.run(["bash", "-n"], input=block.code, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr


@each_block("json")
def test_a_json_block_is_well_formed(block: Block) -> None:
    json.loads(block.code)


@each_block("python")
def test_a_python_block_compiles(block: Block) -> None:
    compile(block.code, str(block), "exec")


@each_block("sql")
def test_an_sql_block_runs(block: Block, database_url: str) -> None:
    engine = create_engine(database_url)
    with engine.connect() as connection:
        connection.exec_driver_sql(block.code.replace("%", "%%"))
    engine.dispose()


def run_shell(blocks: list[Block], served: Gunicorn, folder: Path) -> list[int]:
    """Run blocks in one shell as they are written; return the status of each answer."""
    for name in ("docs", "tests"):
        (folder / name).symlink_to(ROOT / name)
    counted = 'curl() { command curl --silent --write-out "%{stderr}%{http_code}\\n" "$@"; }'
    script = "\n".join(["set -eu", counted, *(block.code for block in blocks)])
    script = script.replace("http://localhost:3001", f"http://127.0.0.1:{served.port}")
    ran = subprocess.run(
        ["bash"], input=script, cwd=folder, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return list(map(int, ran.stderr.split()))


def with_curl(page: str) -> list[Block]:
    return [block for block in blocks_in("sh", page) if re.search(r"\bcurl\b|\bapi=", block.code)]


def test_the_shell_examples_of_the_tutorial_run(served: Gunicorn, tmp_path: Path) -> None:
    *ready, newest_movie = with_curl("tutorial.md")
    assert "/movies/newest" in newest_movie.code  # readers add it themselves
    assert run_shell(ready, served, tmp_path) == [201, 201, 200, 400]


def test_the_shell_examples_of_readme_and_api_run(served: Gunicorn, tmp_path: Path) -> None:
    statuses = run_shell(with_curl("README.md") + with_curl("api.md"), served, tmp_path)
    pages, files, picture, conditional = [200], [200] * 3, [201], [201, 200, 200]
    assert statuses == [201, 200, *pages, *files, *picture, *conditional]


def test_the_python_example_of_the_api_runs(served: Gunicorn) -> None:
    (block,) = [each for each in blocks_in("python", "api.md") if "import requests" in each.code]
    code = block.code.replace("http://localhost:3001", f"http://127.0.0.1:{served.port}")
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "'title': 'Heat'" in ran.stdout


def test_the_typescript_example_of_the_tutorial_is_the_one_that_is_tested() -> None:
    (block,) = blocks_in("ts", "tutorial.md")
    assert block.code == FIRST_CALL.read_text()


def test_the_docs_stay_short() -> None:
    words = {page.name: len(page.read_text().split()) for page in [ROOT_PAGES[0], *DOCS]}
    assert words["README.md"] <= 700
    assert sum(words.values()) <= 15_000, words


def test_every_call_is_in_the_table_of_the_api_page() -> None:
    document = json.loads((ROOT / "docs/openapi.json").read_text())
    methods = {"get", "post", "put", "patch", "delete"}
    paths = document["paths"].items()
    calls = {f"{method.upper()} {path}" for path, item in paths for method in methods & item.keys()}
    named = {name for name in names_in_table("api.md") if re.fullmatch("[A-Z]+ /.*", name)}
    assert named == calls - {"GET /openapi.json"}


def test_the_settings_page_has_every_variable_and_no_other() -> None:
    compose = (ROOT / "docker-compose.yml").read_text()
    settings = SETTINGS - {"DEBUG"} | {"FLASK_DEBUG"}
    read = settings | OTHER_VARIABLES | set(re.findall(r"\$\{(\w+)", compose))
    documented = names_in_table("settings.md")
    assert sorted(documented) == sorted(read)


def documented_defaults() -> Iterator[tuple[str, str]]:
    rows = re.findall(r"^\| (`.+) \| .+ \| (.+) \|$", SETTINGS_PAGE.read_text(), re.MULTILINE)
    for variables, default in rows:
        names = re.findall("`(.+?)`", variables)
        values = default.partition(";")[0].replace("`", "").split(", ")
        if len(names) == len(values) and not default.startswith("none"):
            yield from zip(names, values, strict=True)


def test_a_documented_default_is_the_default() -> None:
    needed = {"SECRET_KEY": SECRET_KEY, "DATABASE_URL": "postgresql:///playlist"}
    defaults = dict(documented_defaults())
    assert len(defaults.keys() & SETTINGS) > 20
    assert load_settings({**needed, **defaults}) == load_settings(needed)


def test_the_example_of_settings_names_only_variables_that_are_documented() -> None:
    named = re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert set(named) <= set(names_in_table("settings.md"))


def test_the_operations_page_has_every_command_of_the_services(app: Flask) -> None:
    groups = {name: app.cli.commands[name] for name in GROUPS}
    commands = {
        f"flask {name} {command}"
        for name, group in groups.items()
        if isinstance(group, Group)
        for command in group.commands
    }
    page = (ROOT / "docs/operations.md").read_text()
    rows = re.findall(r"^\| `(flask .*?) \|", page, re.MULTILINE)
    named = {row for each in rows for row in spelled_out(each)}
    assert named == commands | {"flask db upgrade"}


def spelled_out(row: str) -> Iterator[str]:
    """Name the commands of a row such as "flask backup create`, `list`"."""
    first, *others = re.findall(r"([a-z -]+)[^`]*(?:`|$)", row)
    yield " ".join(first.split()[:3])
    for other in others:
        if other.strip(" "):
            yield f"{first.rsplit(maxsplit=1)[0]} {other}"
