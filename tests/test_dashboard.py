"""What operators look at and are woken by: deploy/grafana and deploy/prometheus."""

import json
import re
import shutil
import subprocess
from typing import Any

import pytest
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families
from ruamel.yaml import YAML

from playlist_api.auth.passwords import HASHING_CONCURRENCY, HASHING_QUEUE
from playlist_api.db.pool import MAX_CHANGES, POOL_SIZE
from tests.support.service import ROOT, Gunicorn, call, sign_up

PROMETHEUS = ROOT / "deploy" / "prometheus"
DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "dashboard.json").read_text())
RULES = YAML(typ="safe").load(PROMETHEUS / "alerts.yml")["groups"][0]["rules"]
SCRAPE = YAML(typ="safe").load(PROMETHEUS / "scrape.yml")

HEADINGS = set(re.findall("^#+ (.+)$", (ROOT / "docs/operations.md").read_text(), re.M))
"""What alerts and panels can send operators to."""

PANELS: list[dict[str, Any]] = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
VARIABLES = DASHBOARD["templating"]["list"]
ALERTS = [rule for rule in RULES if "alert" in rule]

SHOWN = [target["expr"] for panel in PANELS for target in panel["targets"]]
SHOWN += [variable["definition"] for variable in VARIABLES if variable["type"] == "query"]
SHOWN += [note["expr"] for note in DASHBOARD["annotations"]["list"] if "expr" in note]
WATCHED = [rule["expr"] for rule in RULES]

SELECTOR = re.compile(r"(\w+)\{(.*?)\}")
MATCHER = re.compile(r'(\w+)(=~|!~|!=|=)"(.*?)"')
SCRAPED = {"job", "instance"}
"""Labels that Prometheus adds to whatever it reads."""

OF_PROMETHEUS = {
    "up": SCRAPED,
    "scrape_duration_seconds": SCRAPED,
    "ALERTS": {"alertname", "alertstate", "severity"},
}


@pytest.fixture(scope="module")
def exposed(served: Gunicorn) -> dict[str, set[str]]:
    """The metrics of the running service, and their labels."""
    sign_up(served)
    exposition = call(served, "GET", "/metrics").body.decode()
    samples = [s for f in text_string_to_metric_families(exposition) for s in f.samples]
    return {sample.name: SCRAPED | set(sample.labels) for sample in samples} | OF_PROMETHEUS


@pytest.fixture(scope="module")
def values(app: Flask) -> dict[str, set[str]]:
    """What labels may say, where that does not come from requests."""
    documented = (ROOT / "docs" / "security.md").read_text()
    _, _, events = documented.partition("## Security events")
    return {
        "event": set(re.findall(r"^\| `(\w+)`", events.partition("\n## ")[0], re.M)),
        "route": {rule.rule for rule in app.url_map.iter_rules()},
        "pool": {"statements", "transactions"},
        "job": {SCRAPE["scrape_configs"][0]["job_name"]},
    }


@pytest.mark.parametrize("expression", SHOWN + WATCHED)
def test_every_metric_and_label_that_is_asked_for_is_there(
    expression: str, exposed: dict[str, set[str]], values: dict[str, set[str]]
) -> None:
    for name, matchers in SELECTOR.findall(expression):
        assert name in exposed
        for label, _, value in MATCHER.findall(matchers):
            assert label in exposed[name]
            if "$" not in value and label in values:
                assert set(value.split("|")) <= values[label]


@pytest.mark.parametrize("expression", WATCHED)
def test_alerts_are_about_this_service_alone(expression: str) -> None:
    assert all('job="playlist-api"' in matchers for _, matchers in SELECTOR.findall(expression))


def test_limits_that_are_drawn_are_those_of_a_worker() -> None:
    threads = re.search(r"^threads = (\d+)", (ROOT / "gunicorn.conf.py").read_text(), re.M)
    assert threads
    places = HASHING_CONCURRENCY + HASHING_QUEUE
    drawn = {int(n) for shown in SHOWN for n in re.findall(r"(\d+) \* \$workers", shown)}
    assert drawn == {int(threads[1]), POOL_SIZE, MAX_CHANGES, places}
    assert any(expression.endswith(f">= {places}") for expression in WATCHED)


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: str(panel["title"]))
def test_every_panel_says_what_it_shows_and_what_to_do(panel: dict[str, Any]) -> None:
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert len(panel["description"]) > 100
    assert set(re.findall(r'See "(.*?)" in docs/operations.md', panel["description"])) <= HEADINGS


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: str(alert["alert"]))
def test_every_alert_says_how_urgent_it_is_and_what_to_do(alert: dict[str, Any]) -> None:
    assert alert["alert"].startswith("Playlist")  # as the dashboard looks for
    assert alert["labels"]["severity"] in {"page", "ticket"}
    assert set(alert["annotations"]) == {"summary", "description", "runbook"}
    page, _, anchor = alert["annotations"]["runbook"].partition("#")
    assert page == "docs/operations.md"
    assert anchor in {heading.lower().replace(" ", "-") for heading in HEADINGS}


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool comes with Prometheus")
@pytest.mark.parametrize("check", ["check config scrape.yml", "test rules alerts_test.yml"])
def test_prometheus_takes_the_rules_and_they_fire_when_they_should(check: str) -> None:
    command = ["promtool", *check.split()]
    ran = subprocess.run(command, cwd=PROMETHEUS, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
