"""The files for deployment: linters pass, and they agree with the code and with each other."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from gunicorn.config import Config

from dev.cluster import CLUSTER
from dev.run import GLIBC_TUNABLES
from playlist_api import __version__
from playlist_api.app import create_app
from playlist_api.config import load_settings
from tests.support.deployment import (
    KUBERNETES,
    SECRET,
    SECRETS,
    SETTINGS,
    SYSTEMD,
    compose,
    copied,
    given,
    instructions,
    objects,
    pods,
)
from tests.support.service import ROOT

HERE = Path(sys.executable).parent
FRONTEND = "frontend/Dockerfile"
UNITS = {path.name: path.read_text() for path in SYSTEMD.rglob("*.*") if path.is_file()}
SERVICES = sorted(name for name in UNITS if name.endswith(".service"))

LIBRARIES = {"PGSSLMODE", "PGSSLROOTCERT"} | {
    f"AWS_{name}" for name in ("ACCESS_KEY_ID", "ENDPOINT_URL", "REGION", "SECRET_ACCESS_KEY")
}
"""What libpq and obstore read from the environment."""

JOBS = ("api", "migrate", "prune", "backup")
ENDING = {"certificates", "roles", "migrate", "prune", "backup"}
"""Services that end."""


def run(*command: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, **options
    )


@pytest.mark.parametrize(
    "linter",
    [
        ["hadolint", "Dockerfile", FRONTEND],
        ["check-jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml"],
        ["kubernetes-validate", "--strict", *KUBERNETES],
    ],
    ids=lambda linter: str(linter[0]),
)
def test_a_linter_finds_nothing(linter: list[str | Path]) -> None:
    linted = run(HERE / linter[0], *linter[1:], cwd=ROOT)
    assert linted.returncode == 0, linted.stdout + linted.stderr


def test_no_file_has_a_secret_or_a_default_for_one() -> None:
    for service in compose().values():
        for name, value in service.get("environment", {}).items():
            secret = SECRET.search(name) and value is not None
            assert not secret or re.search(r"\$\{\w+:\?[^}]+\}", value), name
            assert given(value) is None or "${" not in str(given(value)), name
    assert not objects("Secret")
    named = [name for each in objects("ConfigMap") for name in each["data"]]
    named += instructions("ENV") + instructions("ARG")
    named += re.findall(r"(?m)^Environment=(.*)", "\n".join(UNITS.values()))
    assert not [name for name in named if SECRET.search(name)]


def test_compose_hands_each_setting_on_and_every_variable_is_one_that_somebody_reads() -> None:
    named = {name for job in JOBS for name in compose()[job]["environment"]}
    assert named >= SETTINGS - {"FLASK_DEBUG", "LOG_FORMAT"}  # developers'
    named |= {name for each in objects("ConfigMap") for name in each["data"]}
    assert named <= SETTINGS | LIBRARIES


def test_containers_start_the_service_with_safe_settings() -> None:
    (settings,) = objects("ConfigMap")
    everywhere: list[dict[str, Any]] = [settings["data"] | SECRETS]
    everywhere += [compose()[job]["environment"] for job in JOBS]
    for environment in everywhere:
        said = {name: told for name in environment if (told := given(environment[name]))}
        assert load_settings(said).production
        assert said["PGSSLMODE"] == "verify-full"


def test_compose_makes_the_cluster_that_development_has() -> None:
    options = compose()["postgres"]["environment"]["POSTGRES_INITDB_ARGS"].split()
    assert set(options) == set(CLUSTER)


def test_only_nginx_is_reached_from_elsewhere() -> None:
    services = compose()
    assert [name for name, service in services.items() if "ports" in service] == ["nginx"]
    assert "data" not in services["nginx"]["networks"]
    assert services["postgres"]["networks"] == ["data"]


@pytest.mark.parametrize("name", compose())
def test_a_container_is_confined_limited_and_watched(name: str) -> None:
    service = compose()[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"cpus", "memory", "pids"} == set(service["deploy"]["resources"]["limits"])
    assert set(service["logging"]["options"]) == {"max-size", "max-file"}
    assert service["restart"] == ("no" if name in ENDING else "unless-stopped")
    assert ("healthcheck" in service) == (name not in {"api", "certificates", "roles"})


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
    assert container["image"] == f"playlist-api:{__version__}"
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert "memory" in container["resources"]["limits"]
    assert "/tmp" in [mount["mountPath"] for mount in container["volumeMounts"]]


def test_the_image_has_what_the_service_needs_to_start(tmp_path: Path) -> None:
    for source in (source for sources, _ in copied() for source in sources):
        copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copy
        copy(ROOT / source, tmp_path / source)
    environment = {**os.environ, **SECRETS, "APP_ENV": "production", "TMPDIR": str(tmp_path)}
    start = instructions("CMD")[-1].strip('[]"').split('", "')
    for command in [[*start, "--check-config"], ["flask", "--app", "wsgi", "db", "heads"]]:
        started = run(sys.executable, "-m", *command, cwd=tmp_path, env=environment)
        assert started.returncode == 0, started.stderr


def test_the_builders_are_sent_what_is_copied() -> None:
    everything, *names, _ = (ROOT / ".dockerignore").read_text().split()
    assert everything == "*"
    wanted = {source for sources, _ in copied() for source in sources}
    assert {name.removeprefix("!") for name in names} == wanted
    everything, *names = (ROOT / f"{FRONTEND}.dockerignore").read_text().split()
    assert everything == "*"
    wanted = {source.partition("/")[0] for sources, _ in copied(FRONTEND) for source in sources}
    assert wanted <= {name[1:].partition("/")[0] for name in names if name.startswith("!")}


def test_all_images_have_the_same_python_and_postgresql() -> None:
    python, postgresql = r"python:?(3\.\d+)", r"postgres(?:ql-client-|ql/|:)(\d\d)\b"
    dockerfile = (ROOT / "Dockerfile").read_text()
    told = dockerfile + (ROOT / "docker-compose.yml").read_text()
    assert len(set(re.findall(python, dockerfile))) == len(set(re.findall(postgresql, told))) == 1


def test_memory_is_given_back_wherever_the_service_runs() -> None:
    setting = f"GLIBC_TUNABLES={GLIBC_TUNABLES}"
    assert any(setting in line.split() for line in instructions("ENV"))
    assert any(f"Environment={setting}\n" in unit for unit in UNITS.values())


def test_the_service_is_given_time_to_finish() -> None:
    finishing = Config().settings["graceful_timeout"].get()
    pod = pods()["api"]
    waiting = int(pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pod["terminationGracePeriodSeconds"] > waiting + finishing
    assert int(compose()["api"]["stop_grace_period"].removesuffix("s")) > finishing
    (unit,) = re.findall(r"TimeoutStopSec=(\d+)", "\n".join(UNITS.values()))
    assert int(unit) > finishing


def test_kustomize_takes_all_files_and_this_version() -> None:
    told = (ROOT / "deploy/kubernetes/kustomization.yaml").read_text()
    assert f"newTag: {__version__}\n" in told
    assert set(re.findall(r"  - ([a-z]+\.yaml)", told)) == {path.name for path in KUBERNETES}


def public_paths() -> list[str]:
    return [rule.rule for rule in create_app(SECRETS).url_map.iter_rules()]


def test_what_probes_ask_for_is_there() -> None:
    (container,) = pods()["api"]["containers"]
    asked = [
        container[f"{probe}Probe"]["httpGet"]["path"]
        for probe in ("startup", "liveness", "readiness")
    ]
    assert asked == ["/health/live", "/health/live", "/health"]
    told = str(compose()["nginx"]["healthcheck"]) + str(instructions("HEALTHCHECK"))
    asked += re.findall(r"127\.0\.0\.1(?::3001)?(/[a-z/]+)", told)
    assert set(asked) <= set(public_paths())


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


@pytest.mark.parametrize("name", SERVICES)
def test_only_units_that_own_the_tables_get_the_owners_url(name: str) -> None:
    # In systemd's order, in which the last file wins.
    read = UNITS[name] + "".join(UNITS[file] for file in UNITS if file.endswith(".conf"))
    owner = ["/etc/playlist-api/owner"] * name.endswith(("migrate.service", "backup.service"))
    files = re.findall(r"(?m)^EnvironmentFile=(.+)", read)
    assert files == ["/etc/playlist-api/environment", *owner]


def can_analyze() -> bool:
    """Tell whether systemd is 250 or newer, which can look at files alone."""
    if not shutil.which("systemd-analyze"):
        return False
    return int(run("systemd-analyze", "--version").stdout.split()[1]) >= 250


@pytest.mark.skipif(not can_analyze(), reason="there is no systemd-analyze >= 250")
def test_systemd_understands_every_unit_and_finds_the_services_confined(tmp_path: Path) -> None:
    shutil.copytree(SYSTEMD, tmp_path, dirs_exist_ok=True)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    for path in files:  # for the environment that the tests run in
        text = path.read_text().replace("/opt/playlist-api/.venv", sys.prefix)
        path.write_text(text.replace("/opt/playlist-api", str(tmp_path)))
    analyze = ["systemd-analyze", "--man=no"]
    options: dict[str, Any] = {"env": {**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"}}
    units = [path for path in files if path.parent == tmp_path]
    verified = run(*analyze, "verify", *units, **options)
    assert (verified.returncode, verified.stderr) == (0, "")
    rating = ["security", "--offline=yes", "--threshold=15"]
    rated = run(*analyze, *rating, *[tmp_path / name for name in SERVICES], **options)
    assert rated.returncode == 0, rated.stdout
