"""The page that shows the document, and what it may do."""

import re

import pytest

from playlist_api.app import create_app
from tests.support.service import InProcess, Service, call, environment, sign_up

OWN = "http://localhost"


def test_the_page_loads_only_files_of_this_service(service: Service) -> None:
    page = call(service, "GET", "/docs")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    files = re.findall(r'(?:src|href)="([^"]*)"', page.body.decode())
    assert len(files) >= 4
    for file in files:
        answer = call(service, "GET", f"/{file}")
        assert answer.status == 200
        assert len(answer.body) > 100


def test_the_page_runs_no_scripts_but_its_own(service: Service) -> None:
    policy = call(service, "GET", "/docs").headers["Content-Security-Policy"]
    assert "default-src 'none'; script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert call(service, "GET", "/health").headers["Content-Security-Policy"] not in policy


@pytest.mark.parametrize("name", ["index.html", "docs.html", "../app.py", "VERSION", ""])
def test_nothing_else_is_served_beside_it(service: Service, name: str) -> None:
    assert call(service, "GET", f"/docs/{name}").status == 404


@pytest.mark.parametrize(
    ("settings", "shown"),
    [
        ({}, True),
        ({"DOCS_ENABLED": "false"}, False),
        ({"APP_ENV": "production"}, False),
        ({"APP_ENV": "production", "DOCS_ENABLED": "true"}, True),
    ],
)
def test_the_page_is_for_development_unless_it_is_wanted(
    database_url: str, settings: dict[str, str], shown: bool
) -> None:
    service = InProcess(create_app(environment(database_url, **settings)))
    assert (call(service, "GET", "/docs").status == 200) == shown
    assert call(service, "GET", "/openapi.json").status == 200


@pytest.mark.parametrize(("shown", "status"), [("true", 200), ("false", 403)])
def test_the_cookie_serves_the_page_itself_where_there_is_one(
    database_url: str, shown: str, status: int
) -> None:
    ada = sign_up(InProcess(create_app(environment(database_url, DOCS_ENABLED=shown))))
    assert ada.refresh(Origin=OWN).status == status
    assert ada.refresh(Origin="http://localhost:9").status == 403


def test_the_page_is_at_home_under_a_name_of_any_script(database_url: str) -> None:
    ada = sign_up(InProcess(create_app(environment(database_url))))
    host = "xn--bcher-kva.example"
    assert ada.refresh(Host=host, Origin=f"http://{host}").status == 200
