"""The keys by which limits and bulkheads count a client: its address and its user."""

from ipaddress import IPv6Address, ip_address, ip_network

from flask import g, has_request_context, request

CUSTOMER_PREFIX = 64
"""Bits of an IPv6 network that one customer gets, with all of its addresses: RFC 6177."""


def client_address() -> str:
    """Return the key of the client's address."""
    return customer(request.remote_addr or "")


def customer(address: str) -> str:
    """Return the key of an address: itself, or of IPv6 the network of the customer."""
    try:
        found = ip_address(address)
    except ValueError:
        return address  # a proxy may add a port, or no address at all
    if isinstance(found, IPv6Address) and not found.ipv4_mapped:
        return str(ip_network((found, CUSTOMER_PREFIX), strict=False))
    return str(getattr(found, "ipv4_mapped", found))


def client_keys() -> tuple[str, ...]:
    """Return the keys of the request's address and, once known, of its user.

    Neither suffices alone: a user can have many addresses, an address many accounts.
    """
    return (client_address(), *user_key()) if has_request_context() else ()


def user_key() -> tuple[str, ...]:
    """Return the key of the request's user alone, if it is known."""
    identity = g.get("identity") if has_request_context() else None
    return (identity.user_id,) if identity else ()
