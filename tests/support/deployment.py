"""What is shipped for deployment, read from its files."""

import dataclasses
import re
import shlex
from collections.abc import Iterator
from typing import Any

import yaml  # type: ignore[import-untyped]

from playlist_api.config import Settings
from tests.support.service import ROOT

KUBERNETES = sorted(
    path for path in (ROOT / "deploy/kubernetes").glob("*.yaml") if path.stem != "kustomization"
)
SYSTEMD = ROOT / "deploy/systemd"

SETTINGS = {field.name.upper() for field in dataclasses.fields(Settings)}

SECRET = re.compile("PASSWORD|SECRET|KEY|AUTH|_DSN|DATABASE_URL")
"""Names of what nobody may know or guess."""

SECRETS = {
    "SECRET_KEY": "0123456789abcdef" * 4,
    "DATABASE_URL": "postgresql://db/playlist?sslmode=verify-full",
}
"""What a deployment must be given."""


def instructions(name: str, dockerfile: str = "Dockerfile") -> list[str]:
    """Return the arguments of each such instruction of the API's Dockerfile, or of another."""
    text = (ROOT / dockerfile).read_text().replace("\\\n", " ")
    return re.findall(rf"^{name} +(.+)", text, re.MULTILINE)


def copied(dockerfile: str = "Dockerfile") -> Iterator[tuple[list[str], str]]:
    """Yield what a Dockerfile copies from the repository at a time, and where to."""
    for arguments in map(shlex.split, instructions("COPY", dockerfile)):
        if not arguments[0].startswith("--from"):
            yield arguments[:-1], arguments[-1]


def compose() -> dict[str, Any]:
    """Return the services of docker-compose.yml."""
    services: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    return services


def objects(kind: str = "") -> list[Any]:
    """Return Kubernetes' objects, all or of a kind."""
    parsed = [each for path in KUBERNETES for each in yaml.safe_load_all(path.read_text())]
    return [each for each in parsed if not kind or each["kind"] == kind]


def pods() -> dict[str, Any]:
    """Return the specification of each kind of pod by its name."""
    named = [(each["metadata"]["name"], each.get("spec", {})) for each in objects()]
    specs = [(name, spec.get("jobTemplate", {"spec": spec})["spec"]) for name, spec in named]
    return {name: spec["template"]["spec"] for name, spec in specs if "template" in spec}


def given(value: Any) -> str | None:
    """Fill in what one is asked for, and leave to its default what has one, or nothing."""
    if value is None:
        return None
    said = re.sub(r"\$\{\w+:\?[^}]+\}", "0123456789abcdef" * 4, str(value))
    # A default may have another one within.
    while (filled := re.sub(r"\$\{\w+:-([^${}]*)\}", r"\1", said)) != said:
        said = filled
    return said
