"""Tells addresses of the web from paths, and holds an address in a Path and gives it back.

Specs, jobs and the queue keep media as paths. A Path drops slashes that follow one another, so an address is
spelled in a way that it keeps.
"""

from __future__ import annotations

import re
from pathlib import Path

_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/+")
_HTTPS = re.compile(r"https:/(?=[^/])", re.IGNORECASE)


def is_address(written: str) -> bool:
    """Whether a path from a file is an address such as https://… or s3://…"""
    return _ADDRESS.match(written) is not None


def path_of_address(written: str) -> Path:
    """Return a Path that holds an address; `address_of` gives back one that leads to the same file."""
    scheme = _ADDRESS.match(written)
    if scheme is None:
        raise ValueError(f"{written} is no address")
    rest = written[scheme.end() :]
    path = Path(f"{scheme[1]}:/{rest}")
    if str(path) == f"{scheme[1]}:/{rest}":
        return path
    place, mark, query = rest.partition("?")
    # An encoded slash means the same to a server, and a Path keeps it.
    encoded = place.replace("//", "/%2F") + mark + query.replace("/", "%2F")
    return Path(f"{scheme[1]}:/{encoded}")


def address_of(path: Path) -> str | None:
    """Return the https address that a path holds; None for a path of a file and for other addresses."""
    text = str(path)
    scheme = _HTTPS.match(text)
    return None if scheme is None else f"https://{text[scheme.end() :]}"


def spelled(path: Path) -> str:
    """Return the address that a path holds, or the path, as people read it."""
    return address_of(path) or str(path)
