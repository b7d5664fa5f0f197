"""Whether the service says that it can serve."""

import pytest

from tests.support.service import Service, call


@pytest.mark.parametrize("path", ["/health", "/health/live"])
def test_a_healthy_service_says_so_to_anybody(service: Service, path: str) -> None:
    answer = call(service, "GET", path)
    assert (answer.status, answer.json) == (200, {"status": "ok"})
    assert answer.headers["Cache-Control"] == "no-store"
