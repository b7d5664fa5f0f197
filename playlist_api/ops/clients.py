"""Who a request comes from, as far as limits and shares are concerned."""

from ipaddress import IPv6Address, ip_address, ip_network

from flask import g, has_request_context, request

CUSTOMER_PREFIX = 64
"""Bits of an IPv6 address that name a customer, who has all addresses behind it: RFC 6177."""


def client_address() -> str:
    """Return what the client's address counts as."""
    return customer(request.remote_addr or "")


def customer(address: str) -> str:
    """Return what an address counts as: itself, or of IPv6 the network of its customer."""
    try:
        found = ip_address(address)
    except ValueError:
        return address  # a proxy may add a port, or no address at all
    if isinstance(found, IPv6Address) and not found.ipv4_mapped:
        return str(ip_network((found, CUSTOMER_PREFIX), strict=False))
    return str(getattr(found, "ipv4_mapped", found))


def client_keys() -> tuple[str, ...]:
    """Name whom this request counts for in bulkheads: its address and, once known, its user.

    Of either alone there could be many: one user at many addresses, many accounts at one.
    """
    return (client_address(), *user_key()) if has_request_context() else ()


def user_key() -> tuple[str, ...]:
    """Name the user alone, if they are known."""
    identity = g.get("identity") if has_request_context() else None
    return (identity.user_id,) if identity else ()
