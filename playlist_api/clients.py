"""Who a request comes from, as far as limits and shares are concerned."""

from ipaddress import IPv6Address, ip_address, ip_network

from flask import g, has_request_context, request

CUSTOMER_PREFIX = 64
"""Bits of an IPv6 address that name a customer, who has all addresses behind it: RFC 6177."""


def client_address() -> str:
    """Return the client's address, or of IPv6 its customer's network."""
    told = request.remote_addr or ""
    try:
        address = ip_address(told)
    except ValueError:
        return told  # a proxy may add a port, or no address at all
    if isinstance(address, IPv6Address) and not address.ipv4_mapped:
        return str(ip_network((address, CUSTOMER_PREFIX), strict=False))
    return str(getattr(address, "ipv4_mapped", address))


def client_keys() -> tuple[str, ...]:
    """Name whom this request counts for in bulkheads: its address and, once known, its user.

    Of either alone there could be many: one user at many addresses, many accounts at one.
    """
    return (client_address(), *user_key()) if has_request_context() else ()


def user_key() -> tuple[str, ...]:
    """Name the user alone, if they are known."""
    caller = g.get("caller") if has_request_context() else None
    return (caller.user_id,) if caller else ()
