"""What a checkout has that a server must be given: a secret key, a database, pictures in a folder.

They are kept in `instance/`, which git ignores.
"""

import os
import secrets
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

INSTANCE = Path(__file__).parents[1] / "instance"


def with_defaults(environ: Mapping[str, str], instance: Path = INSTANCE) -> dict[str, str]:
    """Return the environment, completed for development; an empty variable counts as unset.

    The database is the one that `make run` serves at the moment, if any.
    """
    given = {name: text for name, text in environ.items() if text}
    defaults = {
        "SECRET_KEY": kept_secret_key(instance),
        "MEDIA_STORAGE": str(instance.absolute() / "media"),
        "MEDIA_URL": f"http://localhost:{given.get('PORT', '3001')}/media",
        "DOCS_ENABLED": "true",
        "PASSWORD_BLOCKLIST": "false",
    }
    with suppress(FileNotFoundError):
        defaults["DATABASE_URL"] = (instance / "database_url").read_text().strip()
    return defaults | given


def kept_secret_key(instance: Path) -> str:
    """Return the key of this checkout, made at the first call: a restart logs nobody out."""
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
