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
from playlist_api.config import load_settings
from tests.deployment import (
    KUBERNETES,
    SECRET,
    SETTINGS,
    SYSTEMD,
    compose,
    copied,
    given,
    instructions,
    objects,
    pods,
)
from tests.service import ROOT

HERE = Path(sys.executable).parent
COMPOSE = ["--builtin-schema", "vendor.compose-spec", "docker-compose.yml"]
OBJECTS = [path for path in KUBERNETES if path.name != "kustomization.yaml"]
FRONTEND = "frontend/Dockerfile"
LINTERS: dict[str, list[str | Path]] = {
    "hadolint": [HERE / "hadolint", "Dockerfile", FRONTEND],
    "compose": [HERE / "check-jsonschema", *COMPOSE],
    "kubernetes": [HERE / "kubernetes-validate", "--strict", *OBJECTS],
}

LIBRARIES = {"PGSSLMODE", "PGSSLROOTCERT"} | {
    f"AWS_{name}" for name in ("ACCESS_KEY_ID", "ENDPOINT_URL", "REGION", "SECRET_ACCESS_KEY")
}
"""What libpq and obstore read from the environment."""

DEVELOPERS = {"DEBUG", "LOG_FORMAT"}
"""Settings that no deployment needs."""

ONCE = {"certificates", "roles", "migrate", "prune", "backup"}
"""Services that end."""


def run(*command: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, **options
    )


@pytest.mark.parametrize("command", LINTERS.values(), ids=list(LINTERS))
def test_a_linter_finds_nothing(command: list[str | Path]) -> None:
    linted = run(*command, cwd=ROOT)
    assert linted.returncode == 0, linted.stdout + linted.stderr


def test_no_file_has_a_secret_or_a_default_for_one() -> None:
    for service in compose().values():
        for name, value in service.get("environment", {}).items():
            secret = SECRET.search(name) and value is not None
            assert not secret or re.search(r"\$\{\w+:\?[^}]+\}", value), name
            assert given(value) is None or "${" not in str(given(value)), name
    assert not objects("Secret")
    assert not [
        name for each in objects("ConfigMap") for name in each["data"] if SECRET.search(name)
    ]
    assert not [line for line in instructions("ENV") + instructions("ARG") if SECRET.search(line)]
    assert not re.search("(?m)^Environment=.*(" + SECRET.pattern + ")", units())


def units() -> str:
    return "\n".join(path.read_text() for path in SYSTEMD.rglob("*.*") if path.is_file())


def test_compose_hands_each_setting_on() -> None:
    named = {name for job in ("api", "backup") for name in compose()[job]["environment"]}
    assert named >= SETTINGS - DEVELOPERS


def test_every_variable_is_one_that_somebody_reads() -> None:
    named = {name for each in objects("ConfigMap") for name in each["data"]}
    for job in ("api", "migrate", "prune", "backup"):
        named |= set(compose()[job]["environment"])
    assert named <= SETTINGS | LIBRARIES


def test_compose_starts_the_service_with_safe_settings(tmp_path: Path) -> None:
    for name in ("api", "migrate", "prune", "backup"):
        environment = {key: given(value) for key, value in compose()[name]["environment"].items()}
        said = {key: value for key, value in environment.items() if value is not None}
        assert load_settings(said, tmp_path).production
        assert said["PGSSLMODE"] == "verify-full"


def test_compose_makes_the_cluster_that_development_has() -> None:
    options = compose()["postgres"]["environment"]["POSTGRES_INITDB_ARGS"].split()
    assert set(options) == set(CLUSTER)


def test_no_signal_is_sent_after_which_docker_restarts_nothing() -> None:
    told = [ROOT / "docker-compose.yml", ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    assert not [path for path in told if "compose kill -" in path.read_text()]


def test_only_nginx_is_reached_from_elsewhere() -> None:
    services = compose()
    assert [name for name, service in services.items() if "ports" in service] == ["nginx"]
    assert "data" not in services["nginx"]["networks"]
    assert services["postgres"]["networks"] == ["data"]


@pytest.mark.parametrize("name", compose())
def test_a_service_is_confined_limited_and_watched(name: str) -> None:
    service = compose()[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"cpus", "memory", "pids"} == set(service["deploy"]["resources"]["limits"])
    assert set(service["logging"]["options"]) == {"max-size", "max-file"}
    assert service["restart"] == ("no" if name in ONCE else "unless-stopped")
    assert ("healthcheck" in service) == (name != "api" and name not in {"certificates", "roles"})


def test_the_image_has_what_the_service_needs_to_start(tmp_path: Path) -> None:
    for sources, _ in copied():
        for source in sources:
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, tmp_path / source)
            else:
                shutil.copy(ROOT / source, tmp_path)
    environment = {
        **os.environ,
        "APP_ENV": "production",
        "SECRET_KEY": "0123456789abcdef" * 4,
        "DATABASE_URL": "postgresql://db/playlist?sslmode=verify-full",
        "TMPDIR": str(tmp_path),
    }
    start = instructions("CMD")[-1].strip('[]"').split('", "')
    for command in [[*start, "--check-config"], ["flask", "--app", "wsgi", "db", "heads"]]:
        started = run(sys.executable, "-m", *command, cwd=tmp_path, env=environment)
        assert started.returncode == 0, started.stderr


def test_the_builder_is_sent_exactly_what_is_copied() -> None:
    everything, *exceptions, _ = (ROOT / ".dockerignore").read_text().split()
    assert everything == "*"
    wanted = {source for sources, _ in copied() for source in sources}
    assert {name.removeprefix("!") for name in exceptions} == wanted


def test_the_builder_of_the_front_end_is_sent_what_is_copied() -> None:
    everything, *names = (ROOT / f"{FRONTEND}.dockerignore").read_text().split()
    assert everything == "*"
    sent = {name[1:] for name in names if name.startswith("!")}
    wanted = {source for sources, _ in copied(FRONTEND) for source in sources}
    assert {name for name in wanted if not name.startswith("frontend/")} <= sent
    assert "frontend" in sent
    assert all((ROOT / name).exists() for name in wanted)


def test_images_are_pinned_and_all_speak_of_the_same_postgresql_and_debian() -> None:
    bases = {line.split()[0] for line in instructions("FROM")}
    assert len(bases) == 1
    own = {"playlist-api", "playlist-frontend"}
    images = {service["image"] for service in compose().values()} - own | bases
    images |= {line.split()[0] for line in instructions("FROM", FRONTEND)}
    assert all(
        re.fullmatch(r"[a-z]+:\d+(\.\d+)?(-slim)?-trixie(-slim)?", image) for image in images
    ), images
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert "trixie-pgdg" in dockerfile
    (python,) = re.findall(r":(3\.\d+)", bases.pop())
    assert set(re.findall(r"python(3\.\d+)", dockerfile)) == {python}
    (server,) = {image.split(":")[1].split("-")[0] for image in images if "postgres" in image}
    assert set(re.findall(r"postgresql(?:-client-|/)(\d+)", dockerfile)) == {server}
    assert int(server) >= 15


def test_memory_is_given_back_wherever_the_service_runs() -> None:
    setting = f"GLIBC_TUNABLES={GLIBC_TUNABLES}"
    assert any(setting in line.split() for line in instructions("ENV"))
    assert f"Environment={setting}\n" in units()


def test_who_stops_the_service_lets_it_finish() -> None:
    finishing = Config().settings["graceful_timeout"].get()
    pod = pods()["api"]
    waiting = int(pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pod["terminationGracePeriodSeconds"] > waiting + finishing
    assert int(compose()["api"]["stop_grace_period"].removesuffix("s")) > finishing
    (unit,) = re.findall(r"TimeoutStopSec=(\d+)", units())
    assert int(unit) > finishing
