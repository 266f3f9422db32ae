"""Prepares the command that the user configured for starting vLLM."""

from __future__ import annotations

import os.path
from collections.abc import Sequence
from pathlib import Path

_CONDA_WITH_VALUE = ("-n", "--name", "-p", "--prefix", "--cwd")
_CONDA_LIVE = ("--no-capture-output", "--live-stream")


def prepare_command(command: Sequence[str]) -> tuple[str, ...]:
    """Replace ~ in the command's first word, and make conda pass on the output.

    Other words keep their ~: no shell would replace it there, and a flag's value may need it.
    """
    ready = (expand_home(command[0]), *command[1:])
    if conda_prefix(ready) and not set(_CONDA_LIVE) & set(ready):
        # Otherwise conda shows vLLM's log only after vLLM has ended.
        return (*ready[:2], _CONDA_LIVE[0], *ready[2:])
    return ready


def conda_prefix(command: Sequence[str]) -> tuple[str, ...]:
    """The part of a `conda run` line before the command that it runs; empty for another command."""
    if Path(command[0]).name != "conda" or command[1:2] not in (["run"], ("run",)):
        return ()
    at = 2
    while at < len(command) and command[at].startswith("-"):
        at += 2 if command[at] in _CONDA_WITH_VALUE else 1
    return tuple(command[:at])


def expand_home(text: str) -> str:
    """Replace a ~ at the beginning by the home of the box's user."""
    return os.path.expanduser(text)  # noqa: PTH111 - Path's raises for an unknown user
