"""Whether what is said to the database may be heard by others."""

from collections.abc import Mapping
from ipaddress import ip_address

from sqlalchemy.engine import make_url

DELIBERATE = {"disable", "require", "verify-ca", "verify-full"}
"""libpq's default, `prefer`, speaks plain text to whoever claims to know no TLS."""


def is_left_to_chance(database_url: str, environ: Mapping[str, str]) -> bool:
    """Tell whether the database is across a network, and nobody has said how to reach it."""
    url = make_url(database_url)
    hosts = url.query.get("host") or url.host or environ.get("PGHOST") or ""
    sslmode = url.query.get("sslmode") or environ.get("PGSSLMODE")
    names = hosts.split(",") if isinstance(hosts, str) else hosts
    return sslmode not in DELIBERATE and not all(map(_is_here, names))


def _is_here(host: str) -> bool:
    """Tell a socket, or an address of this machine's own, from a host."""
    if not host or host.startswith(("/", "@")) or host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
