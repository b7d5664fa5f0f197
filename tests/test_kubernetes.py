"""Kubernetes' objects agree with the image, the routes and the settings."""

import re
from pathlib import Path

import pytest

from playlist_api import __version__
from playlist_api.app import create_app
from playlist_api.config import load_settings
from tests.deployment import KUBERNETES, compose, instructions, objects, pods
from tests.service import ROOT


def test_kubernetes_starts_the_service_with_safe_settings(tmp_path: Path) -> None:
    (settings,) = objects("ConfigMap")
    secret = {
        "SECRET_KEY": "0123456789abcdef" * 4,
        "DATABASE_URL": "postgresql://db/playlist?sslmode=verify-full",
    }
    assert load_settings(settings["data"] | secret, tmp_path).production
    assert settings["data"]["PGSSLMODE"] == "verify-full"


@pytest.mark.parametrize("name", pods())
def test_a_pod_is_confined_and_limited(name: str) -> None:
    pod = pods()[name]
    user, group = map(int, instructions("USER")[0].split(":"))
    assert pod["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": user,
        "runAsGroup": group,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert pod["automountServiceAccountToken"] is False
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert "memory" in container["resources"]["limits"]
    assert "/tmp" in [mount["mountPath"] for mount in container["volumeMounts"]]


def public_paths() -> list[str]:
    production = {
        "SECRET_KEY": "0123456789abcdef" * 4,
        "DATABASE_URL": "postgresql://db/playlist?sslmode=verify-full",
    }
    return [rule.rule for rule in create_app(production).url_map.iter_rules()]


def test_what_probes_ask_for_is_there() -> None:
    (container,) = pods()["api"]["containers"]
    asked = [
        container[f"{probe}Probe"]["httpGet"] for probe in ("startup", "liveness", "readiness")
    ]
    assert [each["path"] for each in asked] == ["/health/live", "/health/live", "/health"]
    in_nginx = " ".join(compose()["nginx"]["healthcheck"]["test"])
    paths = {each["path"] for each in asked}
    paths |= set(
        re.findall(r"127\.0\.0\.1(?::3001)?(/[a-z/]+)", in_nginx + str(instructions("HEALTHCHECK")))
    )
    assert len(paths) == 2
    assert paths <= set(public_paths())


def test_the_ingress_leads_to_every_public_path_and_not_to_the_metrics() -> None:
    (ingress,) = objects("Ingress")
    (rule,) = ingress["spec"]["rules"]
    assert "defaultBackend" not in ingress["spec"]

    def leads_to(path: str) -> bool:
        return any(
            path == each["path"]
            or (each["pathType"] == "Prefix" and path.startswith(each["path"] + "/"))
            for each in rule["http"]["paths"]
        )

    assert [path for path in public_paths() if not leads_to(path)] == ["/metrics"]


def test_kubernetes_runs_this_version() -> None:
    images = {container["image"] for pod in pods().values() for container in pod["containers"]}
    assert images == {f"playlist-api:{__version__}"}
    kustomization = (ROOT / "deploy/kubernetes/kustomization.yaml").read_text()
    assert f"newTag: {__version__}\n" in kustomization
    listed = set(re.findall(r"  - ([a-z]+\.yaml)", kustomization))
    assert listed | {"kustomization.yaml"} == {path.name for path in KUBERNETES}
