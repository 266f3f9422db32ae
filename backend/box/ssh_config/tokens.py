"""Expands `%h`, `${NAME}` and `~` in values of the ssh config, as OpenSSH does."""

from __future__ import annotations

import getpass
import hashlib
import os
import pwd
import re
import socket
from collections.abc import Mapping

_PERCENT = re.compile(r"%(.?)", re.DOTALL)
_PERCENT_OR_VARIABLE = re.compile(r"%(.?)|\$\{([^}]*)\}", re.DOTALL)


def make_tokens(
    *, host: str, typed_host: str, port: int, user: str, alias: str, jump: str
) -> dict[str, str]:
    """Return the value of each token for a host; `typed_host` is the name that the config was asked for."""
    machine = socket.gethostname()
    connection = f"{machine}{host}{port}{user}{jump}".encode("utf-8", "surrogateescape")
    return {
        "%": "%",
        "C": hashlib.sha1(connection, usedforsecurity=False).hexdigest(),
        "d": os.path.expanduser("~"),  # noqa: PTH111 - as text, and it never raises
        "h": host,
        "i": str(os.getuid()),
        "j": jump,
        "k": alias or typed_host,
        "L": machine.partition(".")[0],
        "l": machine,
        "n": typed_host,
        "p": str(port),
        "r": user,
        "u": local_user(),
    }


def local_user() -> str:
    """Return the name of the user who runs this process."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return getpass.getuser()


def expand(text: str, tokens: Mapping[str, str]) -> str:
    """Expand the tokens. Raises ValueError for one that is not among them."""
    return _PERCENT.sub(lambda found: _value(found, tokens), text)


def expand_path(text: str, tokens: Mapping[str, str]) -> str:
    """Expand `~`, `~user`, the tokens and `${NAME}` in a path. Raises ValueError."""
    return expand_with_variables(os.path.expanduser(text), tokens)  # noqa: PTH111 - it never raises


def expand_with_variables(text: str, tokens: Mapping[str, str]) -> str:
    """Expand the tokens and `${NAME}`. Raises ValueError."""
    return _PERCENT_OR_VARIABLE.sub(lambda found: _value(found, tokens), text)


def _value(found: re.Match[str], tokens: Mapping[str, str]) -> str:
    if not found[0].startswith("%"):
        variable = found[2]
        if variable not in os.environ:
            raise ValueError(f"the environment variable {variable} is not set")
        return os.environ[variable]
    if found[1] not in tokens:
        raise ValueError(f"{found[0]} has no meaning in {found.string}; a percent sign is %%")
    return tokens[found[1]]
