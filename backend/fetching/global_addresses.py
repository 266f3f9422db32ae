"""Judges whether an IP address is one of the public internet.

A spec must not make this machine ask its own services, its network's, or a cloud's metadata service.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

_NEVER = (
    # Azure's machines reach the services of their host there, in a range that is otherwise public.
    IPv4Network("168.63.129.16/32"),
    # Kept for protocols; some versions of Python call single addresses in it global.
    IPv4Network("192.0.0.0/24"),
    # Relays of 6to4.
    IPv4Network("192.88.99.0/24"),
    # IPv6 addresses that stand for an IPv4 address, which may be any: compatible, mapped, Teredo, 6to4.
    IPv6Network("::/96"),
    IPv6Network("::ffff:0:0/96"),
    IPv6Network("2001::/32"),
    IPv6Network("2002::/16"),
    # NAT64 within one network, and the site-local addresses of old.
    IPv6Network("64:ff9b:1::/48"),
    IPv6Network("fec0::/10"),
)
_NAT64 = IPv6Network("64:ff9b::/96")
"""A network without IPv4 reaches IPv4 addresses as these, with the IPv4 address in the last 32 bits."""


def is_global(text: str) -> bool:
    """Whether this is the IP address of a machine on the public internet, as the registry of IANA has it."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            return False
        if address in _NAT64:
            return _is_public(IPv4Address(int(address) & 0xFFFF_FFFF))
    return _is_public(address)


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    is_special = address.is_multicast or address.is_reserved or not address.is_global
    return not is_special and not any(
        network.version == address.version and address in network for network in _NEVER
    )
