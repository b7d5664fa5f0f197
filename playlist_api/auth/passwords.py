"""Password hashing, in a bulkhead, and the rules for new passwords."""

import secrets
from functools import cache

from flask import Flask, current_app
from passlib.context import CryptContext

from playlist_api.config import Settings
from playlist_api.errors import Problem
from playlist_api.ops import metrics
from playlist_api.ops.bulkheads import ThreadBulkhead, client_keys

MIN_PASSWORD_LENGTH = 8
"""Characters: NIST SP 800-63B, section 3.1.1.2."""

MAX_PASSWORD_LENGTH = 128
"""Characters: OWASP's Authentication Cheat Sheet asks for at least 64 and for an upper bound."""

MIN_NAME_LENGTH = 4
"""Characters of a name that a password must not contain; shorter names are in too many words."""

HASHING_CONCURRENCY = 1
"""Threads of a worker that hash. Each of them keeps 19 MiB."""

HASHING_QUEUE = 20

hashing_bulkhead = ThreadBulkhead(
    "hashing",
    HASHING_CONCURRENCY,
    queue=HASHING_QUEUE,
    timeout=5,
    busy="Too many people are signing in. Please try again in a moment.",
    gauge=metrics.hashing,
)


def init_app(app: Flask, settings: Settings) -> None:
    """Configure Argon2id by the settings, which OWASP has minimums for."""
    context = CryptContext(
        schemes=["argon2"],
        argon2__type="ID",
        argon2__memory_cost=settings.argon2_memory,
        argon2__time_cost=settings.argon2_iterations,
        argon2__parallelism=settings.argon2_parallelism,
    )
    app.extensions["passwords"] = context
    app.extensions["dummy_hash"] = context.hash(secrets.token_urlsafe())


def hash_password(password: str) -> str:
    """Hash a password of up to `MAX_PASSWORD_LENGTH` characters.

    :raises TooManyRequests, ServiceUnavailable: when too many are being hashed.
    """
    context: CryptContext = current_app.extensions["passwords"]
    return hashing_bulkhead.run(client_keys(), context.hash, password)


def verify_password(password: str, password_hash: str | None) -> tuple[bool, str | None]:
    """Check a password; without a hash, which stands for an unknown user, at the same cost.

    :return: whether it is right, and a new hash to store if the parameters have changed.
    :raises TooManyRequests, ServiceUnavailable: when too many are being hashed.
    """
    # No user has a longer password, and passlib raises for more than 4,096 characters.
    candidate = password if len(password) <= MAX_PASSWORD_LENGTH else ""
    context: CryptContext = current_app.extensions["passwords"]
    stored = password_hash or current_app.extensions["dummy_hash"]
    is_right, new_hash = hashing_bulkhead.run(
        client_keys(), context.verify_and_update, candidate, stored
    )
    return is_right and password_hash is not None, new_hash


@cache
def _common_passwords() -> frozenset[str]:
    # Imported at the first use: commands and workers that check no password save the memory.
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    return frozenset(FREQUENCY_LISTS["passwords"])


def password_problem(password: str, *, name: str, email: str) -> Problem | None:
    """Say why a password is too weak for this user, if `PASSWORD_BLOCKLIST` is on.

    OWASP ASVS 5.0, 6.2.4 and 6.2.11, ask for it.
    """
    if not current_app.config["PASSWORD_BLOCKLIST"]:
        return None
    folded = password.strip().casefold()
    if folded in _common_passwords():
        return Problem("too_weak", "is one of the most common, which are guessed first.")
    own = (name, email, email.partition("@")[0])
    if any(len(part) >= MIN_NAME_LENGTH and part.casefold() in folded for part in own):
        return Problem("too_weak", "must not contain your own name or e-mail.")
    return None
