"""Password hashing, bounded in what it may take, and the passwords that are too weak."""

import secrets
from functools import cache
from typing import cast

from flask import Flask, current_app
from passlib.context import CryptContext

from playlist_api.config import Settings
from playlist_api.errors import Problem
from playlist_api.ops import metrics
from playlist_api.ops.bulkheads import ThreadBulkhead
from playlist_api.ops.clients import client_keys

MIN_PASSWORD_LENGTH = 8
"""Characters: NIST SP 800-63B, section 3.1.1.2."""

MAX_PASSWORD_LENGTH = 128
"""Characters: OWASP's Authentication Cheat Sheet asks for at least 64 and for an upper bound."""

TELLING_LENGTH = 4
"""Characters of a name that a password must not hold: shorter ones are in too many words."""

CONCURRENCY, QUEUE, TIMEOUT = 1, 20, 5.0
"""In each worker, how many threads hash, each of which keeps 19 MiB, and how many requests wait for
that so many seconds."""

BUSY = "Too many people are signing in. Please try again in a moment."


class PasswordHasher:
    """Argon2id with an application's parameters, in a bulkhead."""

    def __init__(self, *, memory: int, iterations: int, parallelism: int) -> None:
        """Take the memory in KiB; OWASP's Password Storage Cheat Sheet has the least of each."""
        self._context = CryptContext(
            schemes=["argon2"],
            argon2__type="ID",
            argon2__memory_cost=memory,
            argon2__time_cost=iterations,
            argon2__parallelism=parallelism,
        )
        self._dummy_hash = self._context.hash(secrets.token_urlsafe())
        self._bulkhead = ThreadBulkhead(
            "hashing",
            CONCURRENCY,
            queue=QUEUE,
            timeout=TIMEOUT,
            busy=BUSY,
            gauge=metrics.hashing,
        )

    def hash(self, password: str) -> str:
        """Hash a password of up to `MAX_PASSWORD_LENGTH` characters.

        :raises TooManyRequests, ServiceUnavailable: when too many are being hashed already.
        """
        return self._bulkhead.run(client_keys(), self._context.hash, password)

    def verify(self, password: str, password_hash: str | None) -> tuple[bool, str | None]:
        """Check a password, at the same cost when there is no such user (a hash of None).

        :return: whether it is right; and a new hash to keep, if the parameters have changed.
        :raises TooManyRequests, ServiceUnavailable: as `hash` does.
        """
        # Nobody has a longer password, and passlib raises for one of 4,097 characters.
        candidate = password if len(password) <= MAX_PASSWORD_LENGTH else ""
        known = password_hash or self._dummy_hash
        check = self._context.verify_and_update
        right, new_hash = self._bulkhead.run(client_keys(), check, candidate, known)
        return right and password_hash is not None, new_hash


def init_app(app: Flask, settings: Settings) -> None:
    """Give the application its hasher."""
    app.extensions["passwords"] = PasswordHasher(
        memory=settings.argon2_memory,
        iterations=settings.argon2_iterations,
        parallelism=settings.argon2_parallelism,
    )


def hasher() -> PasswordHasher:
    """Return the running application's hasher."""
    return cast(PasswordHasher, current_app.extensions["passwords"])


@cache
def _common_passwords() -> frozenset[str]:
    # Loading the lists takes memory that only a process which asks should pay for.
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    return frozenset(FREQUENCY_LISTS["passwords"])


def password_problem(password: str, *, name: str, email: str) -> Problem | None:
    """Say why a password is too weak for this person, where that is checked at all.

    OWASP ASVS 5.0, 6.2.4 and 6.2.11, ask for it; `PASSWORD_BLOCKLIST` switches it on.
    """
    if not current_app.config["PASSWORD_BLOCKLIST"]:
        return None
    folded = password.strip().casefold()
    if folded in _common_passwords():
        return Problem("too_weak", "is one of the most common, which are guessed first.")
    own = (name, email, email.partition("@")[0])
    if any(len(part) >= TELLING_LENGTH and part.casefold() in folded for part in own):
        return Problem("too_weak", "must not contain your own name or e-mail.")
    return None
