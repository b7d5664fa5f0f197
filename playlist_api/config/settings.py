"""The settings: which there are, their defaults, and what makes them unsafe."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, post_load, validates_schema

from playlist_api.config.development import development_defaults
from playlist_api.config.fields import (
    Limit,
    Origins,
    PostgresUrl,
    Sender,
    SentryDsn,
    choice,
    limit,
    number,
    storage,
    switch,
    web_url,
)
from playlist_api.config.transport import is_left_to_chance

MINIMUM_KEY_BYTES = 32
"""HS256 needs a key of at least 256 bits: RFC 7518, section 3.2."""

MINIMUM_KEY_VARIETY = 8
"""Different characters that even 32 random hexadecimal digits are sure to have."""

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


class SettingsError(Exception):
    """The environment does not make a safe service; the message lists every fault."""


@dataclass(frozen=True)
class Settings:
    """What the service is run with; docs/settings.md explains each setting."""

    app_env: str
    argon2_iterations: int
    argon2_memory: int
    argon2_parallelism: int
    backup_url: str
    cors_origins: frozenset[str]
    database_url: str
    debug: bool
    docs_enabled: bool
    frontend_url: str
    log_format: str
    log_level: str
    mail_from: str
    media_quota: int
    media_storage: str
    media_url: str
    movies_per_user: int
    password_blocklist: bool
    ratelimit_address: Limit
    ratelimit_enabled: bool
    ratelimit_forgot: Limit
    ratelimit_login: Limit
    ratelimit_refresh: Limit
    ratelimit_reset: Limit
    ratelimit_signup: Limit
    secret_key: str
    sentry_dsn: str
    smtp_host: str
    smtp_password: str
    smtp_port: int
    smtp_tls: str
    smtp_username: str
    trusted_proxies: int
    web_concurrency: int

    @property
    def production(self) -> bool:
        """Whether the service faces the public, behind TLS."""
        return self.app_env == "production"


class _SettingsSchema(Schema):
    class Meta:
        unknown = EXCLUDE

    app_env = choice("APP_ENV", "production", "development")
    # OWASP's Password Storage Cheat Sheet has these as the least for Argon2id; memory is in KiB.
    argon2_iterations = number("ARGON2_ITERATIONS", 2, 2, 100)
    argon2_memory = number("ARGON2_MEMORY", 19 * 1024, 19 * 1024, 4 * 1024 * 1024)
    argon2_parallelism = number("ARGON2_PARALLELISM", 1, 1, 64)
    backup_url = storage("BACKUP_URL")
    cors_origins = Origins(
        data_key="CORS_ORIGINS", load_default=frozenset({"http://localhost:3000"})
    )
    database_url = PostgresUrl(
        data_key="DATABASE_URL",
        required=True,
        error_messages={"required": "is not set; give it a postgresql:// URL."},
    )
    debug = switch("FLASK_DEBUG", default=False)
    docs_enabled = switch("DOCS_ENABLED", default=None)
    frontend_url = web_url("FRONTEND_URL", "http://localhost:3000")
    # Read by gunicorn.conf.py as well.
    log_format = choice("LOG_FORMAT", "json", "text")
    log_level = choice("LOG_LEVEL", "info", "debug", "warning", "error")
    mail_from = Sender(data_key="MAIL_FROM", load_default="Playlist <no-reply@localhost>")
    # In MiB, for each user.
    media_quota = number("MEDIA_QUOTA", 200, 1, 1024 * 1024)
    media_storage = storage("MEDIA_STORAGE")
    media_url = web_url("MEDIA_URL", "")
    movies_per_user = number("MOVIES_PER_USER", 100_000, 1, 10_000_000)
    password_blocklist = switch("PASSWORD_BLOCKLIST", default=None)
    ratelimit_address = limit("RATELIMIT_ADDRESS", Limit(100, MINUTE))
    ratelimit_enabled = switch("RATELIMIT_ENABLED", default=True)
    ratelimit_forgot = limit("RATELIMIT_FORGOT", Limit(20, HOUR))
    ratelimit_login = limit("RATELIMIT_LOGIN", Limit(10, MINUTE))
    ratelimit_refresh = limit("RATELIMIT_REFRESH", Limit(600, MINUTE))
    ratelimit_reset = limit("RATELIMIT_RESET", Limit(60, HOUR))
    ratelimit_signup = limit("RATELIMIT_SIGNUP", Limit(300, HOUR))
    secret_key = fields.String(
        data_key="SECRET_KEY",
        required=True,
        error_messages={"required": "is not set; `openssl rand -hex 32` makes one."},
    )
    sentry_dsn = SentryDsn(data_key="SENTRY_DSN", load_default="")
    smtp_host = fields.String(data_key="SMTP_HOST", load_default="")
    smtp_password = fields.String(data_key="SMTP_PASSWORD", load_default="")
    smtp_port = number("SMTP_PORT", 587, 1, 65535)
    smtp_tls = choice("SMTP_TLS", "starttls", "tls", "none")
    smtp_username = fields.String(data_key="SMTP_USERNAME", load_default="")
    trusted_proxies = number("TRUSTED_PROXIES", 0, 0, 10)
    # Read by gunicorn itself, but checked here with the others.
    web_concurrency = number("WEB_CONCURRENCY", 2, 1, 64)

    @validates_schema(skip_on_field_errors=False)
    def _key_is_long_enough(self, data: dict[str, Any], **_: Any) -> None:
        key = data.get("secret_key")
        if key and len(key.encode()) < MINIMUM_KEY_BYTES:
            raise ValidationError(f"is shorter than {MINIMUM_KEY_BYTES} bytes.", "SECRET_KEY")
        if key and len(set(key)) < MINIMUM_KEY_VARIETY:
            raise ValidationError("is no random text.", "SECRET_KEY")

    @validates_schema(skip_on_field_errors=False)
    def _no_debugger_in_production(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("app_env") == "production" and data.get("debug"):
            raise ValidationError("must be off in production.", "FLASK_DEBUG")

    @validates_schema(skip_on_field_errors=False)
    def _pictures_have_an_address(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("media_storage") and data.get("media_url") == "":
            raise ValidationError("is not set; MEDIA_STORAGE is served below it.", "MEDIA_URL")

    @validates_schema(pass_original=True, skip_on_field_errors=False)
    def _no_plain_text_by_chance(
        self, data: dict[str, Any], given: dict[str, str], **_: Any
    ) -> None:
        url = data.get("database_url")
        if data.get("app_env") == "production" and url and is_left_to_chance(url, given):
            raise ValidationError(
                "names another host and must say sslmode=verify-full&sslrootcert=… (or, on a"
                " network that nobody else hears, sslmode=disable).",
                "DATABASE_URL",
            )

    @post_load
    def _settings(self, data: dict[str, Any], **_: Any) -> Settings:
        production = data["app_env"] == "production"
        if data["password_blocklist"] is None:
            data["password_blocklist"] = production
        if data["docs_enabled"] is None:
            data["docs_enabled"] = not production
        return Settings(**data)


def load_settings(environ: Mapping[str, str], instance: Path) -> Settings:
    """Read the settings from environment variables; an empty variable counts as unset.

    In development the secret key, the address of the embedded database and the storage of
    pictures default to what is in `instance`, a folder of this checkout that git ignores.

    :raises SettingsError: naming every variable at fault, and what to do about it.
    """
    given = {name: value for name, value in environ.items() if value}
    if given.get("APP_ENV") == "development":
        given = development_defaults(instance, given.get("PORT", "3001")) | given
    try:
        settings: Settings = _SettingsSchema().load(given)
    except ValidationError as error:
        faults = error.normalized_messages().items()  # type: ignore[no-untyped-call]
        lines = [f"  {name} {' '.join(messages)}" for name, messages in sorted(faults)]
        raise SettingsError("\n".join(["Playlist API cannot start:", *lines])) from None
    return settings
