"""What a checkout keeps for itself, so that development needs no settings."""

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path


def development_defaults(instance: Path, port: str) -> dict[str, str]:
    """Return the secret key, where pictures are, and the embedded database's address if any."""
    defaults = {
        "SECRET_KEY": _kept_secret_key(instance),
        "MEDIA_STORAGE": str(instance.absolute() / "media"),
        "MEDIA_URL": f"http://localhost:{port}/media",
    }
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
            made.write(secrets.token_hex())
            made.flush()
            # A link appears whole or not at all, so that two processes starting at once agree.
            with suppress(FileExistsError):
                os.link(made.name, kept)
    return kept.read_text()
