"""Understands what names a host: in the settings of a box and in ProxyJump."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from urllib.parse import unquote_plus

_SCHEME = "ssh://"
_NOT_IN_A_HOST = re.compile(r"""[\s'"`$\\;&<>|(){},\x00-\x1f\x7f]|^-""")
"""Characters that OpenSSH refuses in a host, because a shell or a program may read them as its own."""
_NOT_IN_A_USER = re.compile(r"""['`";&<>|(){}\x00-\x1f\x7f]|^-|\s-|\\$""")
"""The same for a user that is given beside a host."""
_BRACKETED = re.compile(r"\[([^]]+)\](?::(.*))?")


@dataclass(frozen=True, slots=True)
class Destination:
    """A host as the user or the ssh config names it."""

    host: str
    """A name, an address, or a Host of the ssh config."""
    port: int | None = None
    """The port that was given beside the host. None leaves it to the ssh config."""
    user: str | None = None
    """The user that was given beside the host. None leaves it to the ssh config."""


def parse_destination(text: str) -> Destination:
    """Parse `host`, `user@host`, `user@host:port`, `[address]:port` or `ssh://user@host:port`.

    Raises ValueError, which says what is wrong.
    """
    if text.startswith(_SCHEME):
        return _parse_uri(text)
    if "://" in text:
        raise ValueError(f"{text} is not an address of the form ssh://user@host:port")
    user, _, rest = text.rpartition("@")
    return _with_port(text, rest, user or None)


def parse_jumps(text: str) -> list[Destination]:
    """Parse a ProxyJump: hosts with commas between them, in the order of the way. Raises ValueError."""
    return [parse_destination(part.strip()) for part in text.split(",")]


def parse_port(text: str) -> int:
    """Return the port of a number or of a service's name. Raises ValueError."""
    if text.isascii() and text.isdecimal():
        port = int(text)
    else:
        try:
            port = socket.getservbyname(text, "tcp")
        except (OSError, UnicodeError):
            port = 0
    if not 0 < port < 65536:
        raise ValueError(f"{text} is not a port")
    return port


def require_host(text: str) -> str:
    """Return the text if it can name a host. Raises ValueError."""
    if not text or _NOT_IN_A_HOST.search(text):
        raise ValueError(f"{text!r} is not the name of a host")
    return text


def _parse_uri(text: str) -> Destination:
    rest = text.removeprefix(_SCHEME)
    user: str | None = None
    if "@" in rest:
        login, _, rest = rest.partition("@")
        user = unquote_plus(login.partition(";")[0])
    rest, _, path = rest.partition("/")
    if path:
        raise ValueError(f"{text} has a path, and a login has none")
    return _with_port(text, rest, user)


def _with_port(text: str, rest: str, user: str | None) -> Destination:
    if user == "":
        raise ValueError(f"{text} has an empty user")
    if user is not None and _NOT_IN_A_USER.search(user):
        raise ValueError(f"{text}: {user!r} is not the name of a user")
    if bracketed := _BRACKETED.fullmatch(rest):  # an IPv6 address
        host, port = bracketed[1], bracketed[2]
    else:
        host, _, port = rest.rpartition(":")
        if not host or ":" in host:  # no port, or an IPv6 address without brackets
            host, port = rest, ""
    try:
        return Destination(require_host(host), parse_port(port) if port else None, user)
    except ValueError as error:
        raise ValueError(f"{text}: {error}" if str(error) != text else text) from error
