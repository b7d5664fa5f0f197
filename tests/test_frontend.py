"""What can be said of the front end without building it; `make e2e` tests it at work."""

import json
import re
from pathlib import Path

import pytest

from tests.service import ROOT

FRONTEND = ROOT / "frontend"
COMPONENTS = sorted([*FRONTEND.glob("app/**/*.tsx"), *FRONTEND.glob("components/*.tsx")])
STYLES = "\n".join(path.read_text() for path in FRONTEND.glob("styles/*.css"))


def test_the_lock_names_no_registry_and_every_package_by_its_content() -> None:
    packages = json.loads((FRONTEND / "package-lock.json").read_text())["packages"]
    for name, package in packages.items():
        own = not name or name.endswith("/playlist-api-client")
        assert own or package["integrity"].startswith("sha512-"), name
        assert package.get("resolved", "file:").startswith("file:"), name


@pytest.mark.parametrize("path", COMPONENTS, ids=lambda path: path.name)
def test_components_have_nothing_that_the_policy_or_a_title_could_trip_over(path: Path) -> None:
    source = path.read_text()
    assert " style=" not in source
    assert ("dangerouslySetInnerHTML" in source) == (path == FRONTEND / "app/layout.tsx")
    assert not re.search(r"https?://", source.replace('"https://"', ""))


def test_each_style_has_both_themes() -> None:
    assert len(re.findall(r"light-dark\(", (FRONTEND / "styles/theme.css").read_text())) > 10
    imported = re.findall(
        r'@import "\./([a-z]+\.css)"', (FRONTEND / "styles/index.css").read_text()
    )
    assert {*imported, "index.css"} == {path.name for path in FRONTEND.glob("styles/*.css")}


def test_each_class_of_a_style_is_used() -> None:
    named = set(re.findall(r"\.([a-z][a-z0-9-]*)(?=[\s,.:{\[>+)])", STYLES)) - {"css"}
    drawn = {f"palette-{number}" for number in range(6)} | {f"tone-{each}" for each in (1, 2, 3)}
    sources = "\n".join(path.read_text() for path in COMPONENTS)
    assert {name for name in named - drawn if not re.search(rf"\b{name}\b", sources)} == set()


def test_mailed_links_lead_to_a_page() -> None:
    asking = (ROOT / "playlist_api/blueprints/passwords.py").read_text()
    (page,) = re.findall(r"\['FRONTEND_URL'\]}/([a-z-]+)", asking)
    assert (FRONTEND / f"app/(outside)/{page}/page.tsx").is_file()
