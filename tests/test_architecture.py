"""The rooms of the house: imports only go down, and features meet at their services."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.service import ROOT

ROOMS = re.findall(r"^- `playlist_api/(\w+)", (ROOT / "README.md").read_text(), re.M)
"""The rooms from the top to the bottom, as README lists them."""

FEATURES = {"transfer", "movies", "posters", "auth"}
PACKAGE = ROOT / "playlist_api"
MODULES = sorted(PACKAGE.rglob("*.py"))


def room_of(module: str) -> str:
    """Name the room of a module such as `playlist_api.auth.service`."""
    return module.split(".")[1] if "." in module else "app"


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


def imports_of_others(path: Path) -> Iterator[str]:
    """Name the libraries that a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            yield (node.module or "").split(".")[0]
        elif isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)


def test_the_readme_lists_every_room() -> None:
    assert sorted(ROOMS) == sorted({room_of(name_of(path)) for path in MODULES})


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_room_imports_only_from_rooms_below_it(path: Path) -> None:
    importer = name_of(path)
    for imported in imports(path):
        above, below = room_of(importer), room_of(imported)
        assert ROOMS.index(above) <= ROOMS.index(below), f"{importer} imports {imported}"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_feature_knows_only_services_and_schemas_of_other_features(path: Path) -> None:
    importer = name_of(path)
    for imported in imports(path):
        above, below = room_of(importer), room_of(imported)
        if above != below and {above, below} <= FEATURES:
            assert imported.endswith((".service", ".schemas")), f"{importer} imports {imported}"


def test_services_know_nothing_of_http() -> None:
    for path in PACKAGE.rglob("service.py"):
        assert "flask" not in set(imports_of_others(path)), path


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_files_and_functions_can_be_read_at_one_sitting(path: Path) -> None:
    source = path.read_text()
    assert len(source.splitlines()) <= 400
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 35, node.name
