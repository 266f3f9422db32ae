"""Decides whether a `Match` line of an ssh config applies to a host."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

from backend.box.ssh_config.lines import matches_list
from backend.box.ssh_config.tokens import expand, local_user

_EXEC_SECONDS = 15.0
"""Seconds for a command of `Match exec`. One that takes longer counts as failed."""
_HARMLESS = re.compile(r"(?!-)[\w.:@%+,/-]*", re.ASCII)
"""Values that no shell reads as anything but text."""
_WITHOUT_VALUE = ("all", "canonical", "final")


@dataclass(frozen=True, slots=True)
class MatchedHost:
    """What is known of a host when a `Match` line is reached."""

    host: str
    """The host name so far."""
    typed_host: str
    user: str
    tag: str
    is_final: bool
    """Whether this is the second reading of the config, with the final host name."""
    tokens: Mapping[str, str]


def wants_final(words: list[str]) -> bool:
    """Whether a `Match` line asks for a second reading of the config."""
    return "final" in (word.lower() for word in words)


def applies(words: list[str], matched: MatchedHost) -> bool:
    """Whether all criteria of a `Match` line hold. Raises ValueError for one that cannot be decided."""
    rest = list(words)
    held = True
    if not rest:
        raise ValueError("a Match line needs criteria")
    while rest:
        criterion = rest.pop(0)
        is_negated = criterion.startswith("!")
        name, _, value = criterion.removeprefix("!").partition("=")
        name = name.lower()
        if name not in _WITHOUT_VALUE and "=" not in criterion:
            if not rest:
                raise ValueError(f"Match {name} needs a value")
            value = rest.pop(0)
        # Once one criterion has failed, no command is run.
        held = held and _holds(name, value, matched) != is_negated
    return held


def _holds(name: str, value: str, matched: MatchedHost) -> bool:
    match name:
        case "all":
            return True
        case "canonical" | "final":
            return matched.is_final
        case "host":
            return matches_list(matched.host.lower(), value.lower())
        case "exec":
            return _succeeds(value, matched.tokens)
        case "localnetwork":
            raise ValueError("Match localnetwork cannot be decided here: name the hosts instead")
    texts = {
        "originalhost": matched.typed_host,
        "user": matched.user,
        "localuser": local_user(),
        "tagged": matched.tag,
        "command": "",
        "sessiontype": "exec",
        "version": "",  # no pattern for OpenSSH is meant for this program
    }
    if name not in texts:
        raise ValueError(f"Match {name} is not known here")
    if name == "originalhost":
        return matches_list(texts[name].lower(), value.lower())
    return matches_list(texts[name], value) if texts[name] else not value


def _succeeds(command: str, tokens: Mapping[str, str]) -> bool:
    """Run the command with the user's shell, for which it was written; return whether it succeeds.

    Raises ValueError where a token has a value that the shell could read as something else than text.
    """
    used = {name: value for name, value in tokens.items() if f"%{name}" in command}
    for name, value in used.items():
        if not _HARMLESS.fullmatch(value):
            raise ValueError(f"Match exec: %{name} is {value!r}, which no shell may be given")
    shell = os.environ.get("SHELL") or "/bin/sh"
    try:
        ended = subprocess.run(
            [shell, "-c", expand(command, tokens)],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_EXEC_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return ended.returncode == 0
