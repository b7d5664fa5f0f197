"""The floors of the house: imports only go down."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service import ROOT

FLOORS = [
    {"app", "server"},
    {"sentry"},
    {"cli"},
    {"middleware"},
    {"blueprints"},
    {"openapi"},
    {"services"},
    {"schemas"},
    {"security"},
    {"models"},
    {"media"},
    {"database", "mail", "storage"},
    {"statements"},
    {"pools"},
    {"bulkheads"},
    {"events"},
    {"breaker", "clients", "config", "deadline", "errors", "logs", "metrics", "operations"},
]
PACKAGE = ROOT / "playlist_api"
MODULES = sorted(PACKAGE.rglob("*.py"))


def floor(module: str) -> int:
    """Number the floor that a module such as `playlist_api.services.auth` is on, the top as 0."""
    room = module.split(".")[1]
    return next(number for number, rooms in enumerate(FLOORS) if room in rooms)


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports(path: Path) -> Iterator[str]:
    """Name the modules of this package that a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (
                alias.name for alias in node.names if alias.name.startswith("playlist_api.")
            )
        elif isinstance(node, ast.ImportFrom) and node.module == "playlist_api":
            modules = (alias.name for alias in node.names if alias.name != "__version__")
            yield from (f"playlist_api.{module}" for module in modules)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("playlist_api."):
            yield node.module or ""


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_only_go_down(path: Path) -> None:
    importer = name_of(path)
    for imported in imports(path):
        same_room = importer.split(".")[1:2] == imported.split(".")[1:2]
        assert same_room or floor(importer) < floor(imported), f"{importer} imports {imported}"


def test_services_know_nothing_of_http() -> None:
    for path in (PACKAGE / "services").glob("*.py"):
        assert "flask" not in path.read_text().lower()


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_files_and_functions_can_be_read_at_one_sitting(path: Path) -> None:
    source = path.read_text()
    assert len(source.splitlines()) <= 400
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 35, node.name
