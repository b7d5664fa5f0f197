"""Settings: what is read, what is kept, and what stops the start."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dev.defaults import with_defaults
from playlist_api.config import SettingsError, load_settings
from tests.support.service import ROOT, SECRET_KEY

URL = "postgresql://ada:secret@db.example.com:5433/playlist?sslmode=require"
SAFE = {"APP_ENV": "production", "SECRET_KEY": SECRET_KEY, "DATABASE_URL": URL}


NO_SENDERS = (
    *("Playlist", "Playlist <>", "no-reply", "Playlist <no-reply@>", "@example.com"),
    *("a@x.example, b@x.example", "Playlist <a@x.example>, b@x.example"),
    "a@x.example\nBcc: b@y.de",
)

UNSAFE: dict[str, tuple[str, ...]] = {
    "APP_ENV": ("staging",),
    "SECRET_KEY": ("", "x" * 31, "x" * 40, " " * 40),
    "WEB_CONCURRENCY": ("many",),
    "TRUSTED_PROXIES": ("-1",),
    "ARGON2_MEMORY": ("19455",),
    "ARGON2_ITERATIONS": ("1",),
    "RATELIMIT_LOGIN": ("10", "0/minute", "10/fortnight"),
    "SMTP_PORT": ("0",),
    "SMTP_TLS": ("ssl",),
    "MOVIES_PER_USER": ("0", "10000001"),
    "FRONTEND_URL": ("app.example.com", "https://bücher.example"),
    "MAIL_FROM": NO_SENDERS,
    "LOG_LEVEL": ("loud",),
    "LOG_FORMAT": ("xml",),
    "SENTRY_DSN": ("https://sentry.example.com", "not a url"),
    "DATABASE_URL": (
        *("", "sqlite:///playlist.db", "mysql://ada@db/playlist", "not a url"),
        *("postgresql+asyncpg://ada@db/playlist", "postgresql://ada@db:port/playlist"),
    ),
    "CORS_ORIGINS": (
        *("*", "https://app.example.com,*", "app.example.com", "https://app.example.com/"),
        *("https://App.example.com", "https://", "null"),
    ),
    "MEDIA_STORAGE": ("media", "s3:///prefix"),
    "MEDIA_URL": ("media.example.com",),
    "MEDIA_QUOTA": ("0",),
    "PASSWORD_BLOCKLIST": ("maybe",),
    "FLASK_DEBUG": ("1", "maybe"),
}


def test_production_is_what_one_gets_without_asking() -> None:
    settings = load_settings({"SECRET_KEY": SECRET_KEY, "DATABASE_URL": URL})
    assert settings.production
    assert settings.password_blocklist
    assert not settings.flask_debug
    assert settings.cors_origins == {"http://localhost:3000"}


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2"])
def test_any_spelling_of_a_postgresql_url_means_psycopg2(scheme: str) -> None:
    given = URL.replace("postgresql", scheme, 1)
    settings = load_settings({**SAFE, "DATABASE_URL": given})
    assert settings.database_url == URL.replace("postgresql", "postgresql+psycopg2", 1)


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name in UNSAFE for value in UNSAFE[name]]
)
def test_an_unsafe_setting_stops_the_start_by_its_name(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"^Playlist API cannot start:\n  {name} [^\n]+\\.$"):
        load_settings({**SAFE, name: value})


def test_a_storage_of_pictures_needs_an_address() -> None:
    with pytest.raises(SettingsError, match=r"start:\n  MEDIA_URL [^\n]+\.$"):
        load_settings({**SAFE, "MEDIA_STORAGE": "/srv/media"})


@pytest.mark.parametrize(
    "sender",
    [
        *("no-reply@example.com", "Playlist <no-reply@localhost>", "<no-reply@example.com>"),
        '"Playlist, Inc." <films@xn--bcher-kva.example>',
        "Kinofilme für alle <no-reply@x.example>",
    ],
)
def test_mail_can_come_from_any_address(sender: str) -> None:
    assert load_settings({**SAFE, "MAIL_FROM": sender}).mail_from == sender


def test_all_faults_are_told_at_once() -> None:
    unsafe = {"SECRET_KEY": "short", "CORS_ORIGINS": "*", "FLASK_DEBUG": "true"}
    with pytest.raises(SettingsError) as refusal:
        load_settings(unsafe)
    told = [line.split()[0] for line in str(refusal.value).splitlines()[1:]]
    assert told == ["CORS_ORIGINS", "DATABASE_URL", "FLASK_DEBUG", "SECRET_KEY"]


def test_no_fault_shows_a_secret() -> None:
    unsafe = {**SAFE, "SECRET_KEY": "hunter2", "DATABASE_URL": "mysql://ada:hunter2@db/x"}
    with pytest.raises(SettingsError) as refusal:
        load_settings(unsafe)
    assert "hunter2" not in str(refusal.value)


def test_outside_development_nothing_has_a_default_that_is_secret() -> None:
    with pytest.raises(SettingsError, match=r"(?s)DATABASE_URL is not set.*SECRET_KEY is not set"):
        load_settings({"APP_ENV": "production"})


def test_in_development_the_key_is_made_once_and_kept(tmp_path: Path) -> None:
    instance = tmp_path / "instance"
    first, second = (with_defaults({}, instance)["SECRET_KEY"] for _ in range(2))
    assert first == second
    assert len(first) == 64
    assert (instance / "secret_key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in instance.iterdir()] == ["secret_key"]
    assert with_defaults({}, tmp_path / "other")["SECRET_KEY"] != first


def test_in_development_pictures_are_kept_in_the_checkout_and_served_at_its_port(
    tmp_path: Path,
) -> None:
    settings = load_settings(with_defaults({"DATABASE_URL": URL, "PORT": "4001"}, tmp_path))
    assert settings.media_storage == str(tmp_path / "media")
    assert settings.media_url == "http://localhost:4001/media"


def test_a_slash_at_the_end_of_an_address_is_none() -> None:
    url = "https://media.example.com/pictures"
    given = {**SAFE, "MEDIA_STORAGE": "s3://bucket/pictures", "MEDIA_URL": f"{url}/"}
    assert load_settings(given).media_url == url


def test_in_development_the_embedded_database_is_found(tmp_path: Path) -> None:
    (tmp_path / "database_url").write_text(f"{URL}\n")
    settings = load_settings(with_defaults({"DATABASE_URL": ""}, tmp_path))
    assert settings.database_url == URL.replace("postgresql", "postgresql+psycopg2", 1)


@pytest.mark.parametrize(
    "command",
    [
        ["gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"],
        ["flask", "--app", "wsgi", "db", "upgrade"],
    ],
    ids=["gunicorn", "flask"],
)
def test_unsafe_settings_stop_every_command_with_the_sentences_alone(command: list[str]) -> None:
    unset = dict.fromkeys(("DATABASE_URL", "SECRET_KEY", "FLASK_DEBUG", "CORS_ORIGINS"), "")
    refused = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env={**os.environ, **unset, "APP_ENV": "production", "PORT": "0"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert refused.returncode == 1
    assert "Playlist API cannot start:\n  DATABASE_URL is not set" in refused.stderr
    assert "Traceback" not in refused.stderr + refused.stdout


NEAR = [
    *("db/playlist?sslmode=verify-full&sslrootcert=/ca.crt", "db/playlist?sslmode=disable"),
    *("localhost/playlist", "127.0.0.2:6432/playlist", "[::1]/playlist", "/playlist"),
    "/playlist?host=/run/postgresql",
]
FAR = [
    *("db/playlist", "10.0.0.1/playlist", "db/playlist?sslmode=prefer", "/playlist?host=db"),
    *("/playlist?host=/run/postgresql,db", "/playlist?host=/run/postgresql&host=db"),
]


@pytest.mark.parametrize("address", NEAR)
def test_the_way_to_the_database_is_chosen_or_within_this_machine(
    address: str,
) -> None:
    load_settings({**SAFE, "DATABASE_URL": f"postgresql://{address}"})


@pytest.mark.parametrize("address", FAR)
def test_the_way_to_another_host_is_not_left_to_chance(address: str) -> None:
    given = {**SAFE, "DATABASE_URL": f"postgresql://{address}"}
    with pytest.raises(SettingsError, match="DATABASE_URL names another host and must say sslmode"):
        load_settings(given)
    load_settings({**given, "APP_ENV": "development"})
    if "sslmode" not in address:
        load_settings({**given, "PGSSLMODE": "verify-full"})
