"""The environment, read once and checked whole: unsafe or missing settings stop the start."""

import os
import re
import secrets
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, post_load, validates_schema
from marshmallow.validate import OneOf
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

MINIMUM_KEY_BYTES = 32
"""HS256 needs a key of at least 256 bits: RFC 7518, section 3.2."""

ORIGIN = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:]+\])(:[0-9]+)?")
"""How browsers write an origin: in lower case, with no path."""


class SettingsError(Exception):
    """The environment does not make a safe service; the message lists every fault."""


@dataclass(frozen=True)
class Settings:
    """What the service is run with; the README's table explains each setting."""

    app_env: str
    secret_key: str
    database_url: str
    cors_origins: frozenset[str]
    password_blocklist: bool
    debug: bool

    @property
    def production(self) -> bool:
        """Whether the service faces the public, behind TLS."""
        return self.app_env == "production"


class _PostgresUrl(fields.String):
    """A `postgresql://` URL, spelled for psycopg2: SQLAlchemy 2.1 would take psycopg 3."""

    def _deserialize(self, *args: Any, **kwargs: Any) -> str:
        text = super()._deserialize(*args, **kwargs)
        try:
            url = make_url(text)
        except (ArgumentError, ValueError):
            raise ValidationError("must be a postgresql:// URL.") from None
        if url.drivername not in {"postgres", "postgresql", "postgresql+psycopg2"}:
            raise ValidationError("must be a postgresql:// URL.")
        return url.set(drivername="postgresql+psycopg2").render_as_string(hide_password=False)


class _Origins(fields.String):
    """Origins as browsers send them, separated by commas."""

    def _deserialize(self, *args: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(*args, **kwargs)
        origins = frozenset(origin.strip() for origin in text.split(",") if origin.strip())
        for origin in sorted(origins):
            if origin == "*":
                raise ValidationError("must name its origins: `*` is unsafe with credentials.")
            if not ORIGIN.fullmatch(origin):
                raise ValidationError(f"holds {origin!r}, which is no http(s)://host[:port].")
        return origins


class _SettingsSchema(Schema):
    class Meta:
        unknown = EXCLUDE

    app_env = fields.String(
        data_key="APP_ENV",
        load_default="production",
        validate=OneOf(["development", "production"], error="must be development or production."),
    )
    secret_key = fields.String(
        data_key="SECRET_KEY",
        required=True,
        error_messages={"required": "is not set; `openssl rand -hex 32` makes one."},
    )
    database_url = _PostgresUrl(
        data_key="DATABASE_URL",
        required=True,
        error_messages={"required": "is not set; give it a postgresql:// URL."},
    )
    cors_origins = _Origins(
        data_key="CORS_ORIGINS", load_default=frozenset({"http://localhost:3000"})
    )
    password_blocklist = fields.Boolean(
        data_key="PASSWORD_BLOCKLIST",
        load_default=None,
        error_messages={"invalid": "must be true or false."},
    )
    debug = fields.Boolean(
        data_key="FLASK_DEBUG",
        load_default=False,
        error_messages={"invalid": "must be true or false."},
    )

    @validates_schema(skip_on_field_errors=False)
    def _key_is_long_enough(self, data: dict[str, Any], **_: Any) -> None:
        if "secret_key" in data and len(data["secret_key"].encode()) < MINIMUM_KEY_BYTES:
            raise ValidationError(f"is shorter than {MINIMUM_KEY_BYTES} bytes.", "SECRET_KEY")

    @validates_schema(skip_on_field_errors=False)
    def _no_debugger_in_production(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("app_env") == "production" and data.get("debug"):
            raise ValidationError("must be off in production.", "FLASK_DEBUG")

    @post_load
    def _settings(self, data: dict[str, Any], **_: Any) -> Settings:
        if data["password_blocklist"] is None:
            data["password_blocklist"] = data["app_env"] == "production"
        return Settings(**data)


def load_settings(environ: Mapping[str, str], instance: Path) -> Settings:
    """Read the settings from environment variables; an empty variable counts as unset.

    In development the secret key and the address of the embedded database default to what
    is kept in `instance`, a folder of this checkout that git ignores.

    :raises SettingsError: naming every variable at fault, and what to do about it.
    """
    given = {name: value for name, value in environ.items() if value}
    if given.get("APP_ENV") == "development":
        given = _development_defaults(instance) | given
    try:
        settings: Settings = _SettingsSchema().load(given)
    except ValidationError as error:
        faults = error.normalized_messages().items()  # type: ignore[no-untyped-call]
        lines = [f"  {name} {' '.join(messages)}" for name, messages in sorted(faults)]
        raise SettingsError("\n".join(["Playlist API cannot start:", *lines])) from None
    return settings


def _development_defaults(instance: Path) -> dict[str, str]:
    defaults = {"SECRET_KEY": _kept_secret_key(instance)}
    database_url = instance / "database_url"
    if database_url.exists():
        defaults["DATABASE_URL"] = database_url.read_text().strip()
    return defaults


def _kept_secret_key(instance: Path) -> str:
    """The key of this checkout, made at its first start, so that a restart logs nobody out."""
    kept = instance / "secret_key"
    instance.mkdir(exist_ok=True)
    if not kept.exists():
        with tempfile.NamedTemporaryFile("w", dir=instance) as made:
            made.write(secrets.token_hex(MINIMUM_KEY_BYTES))
            made.flush()
            # A link appears whole or not at all, so that two processes starting at once agree.
            with suppress(FileExistsError):
                os.link(made.name, kept)
    return kept.read_text()
