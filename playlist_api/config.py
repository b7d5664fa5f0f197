"""Settings from environment variables, all checked before the service starts."""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from datetime import timedelta
from email.message import EmailMessage
from ipaddress import ip_address
from typing import Any

from sentry_sdk.utils import BadDsn, Dsn
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

MINIMUM_KEY_BYTES = 32
"""HS256 needs a key of at least 256 bits: RFC 7518, section 3.2."""

MINIMUM_KEY_VARIETY = 8
"""Different characters that even 32 random hexadecimal digits are sure to have."""

DELIBERATE_SSL_MODES = {"disable", "require", "verify-ca", "verify-full"}
"""libpq's default, `prefer`, speaks plain text to any server that claims to know no TLS."""


class SettingsError(Exception):
    """The environment does not make a safe service; the message lists every fault."""


@dataclass(frozen=True)
class Limit:
    """So many tries in a period, of which all may come at once."""

    times: int
    period: timedelta

    @property
    def cost(self) -> timedelta:
        """How much of the period one try uses up."""
        return self.period / self.times


# The kinds of settings: functions from a text to a value, which raise ValueError with a sentence.
def whole_number(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch("[0-9]{1,10}", text) or not least <= int(text) <= most:
            raise ValueError(f"must be a whole number from {least} to {most}.")
        return int(text)

    return parse


def one_of(*words: str) -> Callable[[str], str]:
    return matching("|".join(words), f"must be {', '.join(words[:-1])} or {words[-1]}.")


def matching(pattern: str, message: str) -> Callable[[str], str]:
    compiled = re.compile(pattern, re.ASCII)

    def parse(text: str) -> str:
        if not compiled.fullmatch(text):
            raise ValueError(message)
        return text

    return parse


def switch(text: str) -> bool:
    if text.lower() not in {"true", "false", "on", "off", "yes", "no", "1", "0"}:
        raise ValueError("must be true or false.")
    return text.lower() in {"true", "on", "yes", "1"}


def limit(text: str) -> Limit:
    if not (found := re.fullmatch("([1-9][0-9]{0,5})/(second|minute|hour|day)", text)):
        raise ValueError("must be like 10/minute: a number per second, minute, hour or day.")
    return Limit(int(found[1]), timedelta(**{f"{found[2]}s": 1}))


def postgres_url(text: str) -> str:
    """Return a URL for psycopg2: SQLAlchemy 2.1 takes `postgresql://` for psycopg 3."""
    with suppress(ArgumentError, ValueError):
        url = make_url(text)
        if url.drivername in {"postgres", "postgresql", "postgresql+psycopg2"}:
            url = url.set(drivername="postgresql+psycopg2")
            return url.render_as_string(hide_password=False)
    raise ValueError("must be a postgresql:// URL.")


def sentry_dsn(text: str) -> str:
    with suppress(BadDsn, ValueError):
        return str(Dsn(text))
    raise ValueError("must be a DSN, as Sentry's project settings show it.")


def origins(text: str) -> frozenset[str]:
    named = frozenset(origin.strip() for origin in text.split(",") if origin.strip())
    for origin in sorted(named):
        # Browsers send an origin in lower case, with no path.
        if not re.fullmatch(r"https?://([a-z0-9.-]+|\[[0-9a-f:]+\])(:[0-9]+)?", origin):
            raise ValueError(
                f"must name origins as http(s)://host[:port], not {origin}"
                " (`*` is unsafe with credentials)."
            )
    return named


def sender(text: str) -> str:
    message = EmailMessage()
    with suppress(ValueError):
        message["From"] = text
        (address,) = message["From"].addresses
        if address.username and address.domain:
            return text
    raise ValueError("must be like Playlist <no-reply@example.com>.")


def base_url(text: str) -> str:
    return matching("https?://[!-~]+", "must be an http or https URL.")(text).rstrip("/")


def secret_key(text: str) -> str:
    if len(text.encode()) < MINIMUM_KEY_BYTES:
        raise ValueError(f"is shorter than {MINIMUM_KEY_BYTES} bytes.")
    if len(set(text)) < MINIMUM_KEY_VARIETY:
        raise ValueError("is no random text.")
    return text


storage = matching(
    r"s3://[a-z0-9][a-z0-9.-]+(/[\w!.*'()/-]*)?|(file://)?/.*",
    "must be s3://bucket/prefix, or a folder's absolute path.",
)


def setting(parse: Callable[[str], Any], default: str | None = None, *, missing: str = "") -> Any:
    """Make a setting; without a default it is required, and `missing` tells how to set it."""
    return field(metadata={"parse": parse, "default": default, "missing": missing})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How the service is run; each field is an environment variable (see the README's table)."""

    app_env: str = setting(one_of("production", "development"), "production")
    # The minimum of OWASP's Password Storage Cheat Sheet for Argon2id; memory is in KiB.
    argon2_iterations: int = setting(whole_number(2, 100), "2")
    argon2_memory: int = setting(whole_number(19456, 4 * 1024 * 1024), "19456")
    argon2_parallelism: int = setting(whole_number(1, 64), "1")
    backup_url: str = setting(storage, "")
    cors_origins: frozenset[str] = setting(origins, "http://localhost:3000")
    database_url: str = setting(postgres_url, missing="is not set; give it a postgresql:// URL.")
    docs_enabled: bool = setting(switch, "false")
    flask_debug: bool = setting(switch, "false")
    frontend_url: str = setting(base_url, "http://localhost:3000")
    log_format: str = setting(one_of("json", "text"), "json")  # gunicorn.conf.py reads it, too
    log_level: str = setting(one_of("info", "debug", "warning", "error"), "info")
    mail_from: str = setting(sender, "Playlist <no-reply@localhost>")
    media_quota: int = setting(whole_number(1, 1024 * 1024), "200")  # MiB for each user
    media_storage: str = setting(storage, "")
    media_url: str = setting(base_url, "")
    movies_per_user: int = setting(whole_number(1, 10_000_000), "100000")
    password_blocklist: bool = setting(switch, "true")
    ratelimit_address: Limit = setting(limit, "100/minute")
    ratelimit_enabled: bool = setting(switch, "true")
    ratelimit_forgot: Limit = setting(limit, "20/hour")
    ratelimit_login: Limit = setting(limit, "10/minute")
    ratelimit_refresh: Limit = setting(limit, "600/minute")
    ratelimit_reset: Limit = setting(limit, "60/hour")
    ratelimit_signup: Limit = setting(limit, "300/hour")
    secret_key: str = setting(secret_key, missing="is not set; `openssl rand -hex 32` makes one.")
    sentry_dsn: str = setting(sentry_dsn, "")
    smtp_host: str = setting(str, "")
    smtp_password: str = setting(str, "")
    smtp_port: int = setting(whole_number(1, 65535), "587")
    smtp_tls: str = setting(one_of("starttls", "tls", "none"), "starttls")
    smtp_username: str = setting(str, "")
    trusted_proxies: int = setting(whole_number(0, 10), "0")
    web_concurrency: int = setting(whole_number(1, 64), "2")  # gunicorn itself reads it

    @property
    def production(self) -> bool:
        """Whether the service faces the public, behind TLS."""
        return self.app_env == "production"


def load_settings(environ: Mapping[str, str]) -> Settings:
    """Read the settings from environment variables; an empty variable counts as unset.

    :raises SettingsError: naming every variable at fault, and what to do about it.
    """
    given = {name: text for name, text in environ.items() if text}
    values: dict[str, Any] = {}
    faults: dict[str, str] = {}
    for each in fields(Settings):
        variable = each.name.upper()
        text = given.get(variable, each.metadata["default"])
        try:
            if text is None:
                raise ValueError(each.metadata["missing"])
            values[each.name] = each.metadata["parse"](text) if text else text
        except ValueError as error:
            faults[variable] = str(error)
    faults |= _unsafe_combinations(values, given)
    if faults:
        lines = [f"  {name} {faults[name]}" for name in sorted(faults)]
        raise SettingsError("\n".join(["Playlist API cannot start:", *lines]))
    return Settings(**values)


def _unsafe_combinations(values: dict[str, Any], given: dict[str, str]) -> dict[str, str]:
    faults = {}
    if values.get("media_storage") and values.get("media_url") == "":
        faults["MEDIA_URL"] = "is not set; MEDIA_STORAGE is served below it."
    if values.get("app_env") == "production":
        if values.get("flask_debug"):
            faults["FLASK_DEBUG"] = "must be off in production."
        if (url := values.get("database_url")) and _tls_is_left_to_chance(url, given):
            faults["DATABASE_URL"] = (
                "names another host and must say sslmode=verify-full&sslrootcert=… (or, on a"
                " network that nobody else hears, sslmode=disable)."
            )
    return faults


def _tls_is_left_to_chance(database_url: str, environ: Mapping[str, str]) -> bool:
    url = make_url(database_url)
    hosts = url.query.get("host") or url.host or environ.get("PGHOST") or ""
    sslmode = url.query.get("sslmode") or environ.get("PGSSLMODE")
    names = hosts.split(",") if isinstance(hosts, str) else hosts
    return sslmode not in DELIBERATE_SSL_MODES and not all(map(_is_this_machine, names))


def _is_this_machine(host: str) -> bool:
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return host in {"", "localhost"} or host.startswith(("/", "@"))
