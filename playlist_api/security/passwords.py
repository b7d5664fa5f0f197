"""Password hashing, and the passwords that are too common to allow."""

import secrets
from functools import cache

from passlib.context import CryptContext

SHORTEST_PASSWORD = 8
"""Characters: NIST SP 800-63B, section 3.1.1.2."""

LONGEST_PASSWORD = 128
"""Characters: OWASP's Authentication Cheat Sheet asks for at least 64 and for an upper bound."""

_context = CryptContext(
    schemes=["argon2"],
    # OWASP's Password Storage Cheat Sheet: Argon2id with 19 MiB of memory (here in KiB), two
    # iterations, one thread. Hashes made with other parameters are renewed at the next login.
    argon2__type="ID",
    argon2__memory_cost=19 * 1024,
    argon2__time_cost=2,
    argon2__parallelism=1,
)
_nobodys_hash = _context.hash(secrets.token_urlsafe())


def hash_password(password: str) -> str:
    """Hash a password of up to `LONGEST_PASSWORD` characters with Argon2id."""
    return _context.hash(password)


def verify_password(password: str, password_hash: str | None) -> tuple[bool, str | None]:
    """Check a password, at the same cost when there is no such user (a hash of None) to check.

    :return: whether it is right; and a new hash to keep, when today's parameters are different.
    """
    # Nobody has a longer password, and passlib raises for one of 4,097 characters.
    candidate = password if len(password) <= LONGEST_PASSWORD else ""
    right, new_hash = _context.verify_and_update(candidate, password_hash or _nobodys_hash)
    return right and password_hash is not None, new_hash


@cache
def _common_passwords() -> frozenset[str]:
    # Loading the lists takes memory that only a process which asks should pay for.
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    return frozenset(FREQUENCY_LISTS["passwords"])


def is_common(password: str) -> bool:
    """Tell whether a password, in any case, is among the 30,000 most used."""
    return password.lower() in _common_passwords()
