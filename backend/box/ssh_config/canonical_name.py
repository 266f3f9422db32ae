"""Brings the name of a host into one form, under which known_hosts has it.

Addresses get their usual spelling. A short name is completed where the ssh config asks for it
(CanonicalizeHostname).
"""

from __future__ import annotations

import socket
from collections.abc import Sequence

from backend.box.ssh_config.lines import matches_list
from backend.box.ssh_config.options import Options

_OPTION = "canonicalizehostname"
_DOTS = "1"
"""The most dots in a name that is completed, unless the config gives another number."""


def wants_canonical(options: Options) -> bool:
    """Whether the ssh config asks for the full names of hosts."""
    return options.get(_OPTION) is not None and not options.is_no(_OPTION)


def canonicalize(host: str, options: Options) -> str:
    """Return the full name of the host, or the name itself where it is not to be completed, or not found.

    Asks the resolver, so it may take seconds. Raises ValueError where the name is not found and must be.
    """
    if (address := _spell_address(host)) is not None:
        return address
    is_direct = not (
        options.get_unless_none("proxycommand") or options.get_unless_none("proxyjump")
    )
    is_always = (options.get(_OPTION) or "").lower() == "always"
    if not wants_canonical(options) or not (is_direct or is_always):
        return host
    if host.endswith("."):
        names = [host]
    elif host.count(".") > _most_dots(options):
        return host
    else:
        names = [f"{host}.{domain}." for domain in options.words("canonicaldomains") or []]
    for name in names:
        if (alias := _resolve(name)) is not None:
            rules = options.words("canonicalizepermittedcnames") or []
            return _follow(name.removesuffix("."), alias, rules)
    if not options.flag("canonicalizefallbacklocal", True):
        raise options.fault("canonicalizefallbacklocal", f"{host} is not found in any domain")
    return host


def _most_dots(options: Options) -> int:
    text = options.get("canonicalizemaxdots") or _DOTS
    if not text.isdecimal():
        raise options.fault("canonicalizemaxdots", f"{text} is not a number")
    return int(text)


def _spell_address(host: str) -> str | None:
    """Return an address in its usual spelling; None for a name."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        return socket.getnameinfo(found[0][4], socket.NI_NUMERICHOST | socket.NI_NUMERICSERV)[0]
    except (OSError, UnicodeError):
        return None


def _resolve(name: str) -> str | None:
    """Return the name that the resolver gives for this one, often the same; None where there is no host."""
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM, flags=socket.AI_CANONNAME)
    except (OSError, UnicodeError):
        return None
    return (found[0][3] or name).removesuffix(".").lower()


def _follow(name: str, alias: str, rules: Sequence[str]) -> str:
    """Return the alias where a rule allows that, else the name."""
    for rule in rules:
        sources, _, targets = rule.lower().partition(":")
        if matches_list(name, sources) and matches_list(alias, targets):
            return alias
    return name
