"""The program that the configured command runs: as the user wrote it, made ready for the box."""

from __future__ import annotations

import os.path
from collections.abc import Sequence
from pathlib import Path

_CONDA_WITH_VALUE = ("-n", "--name", "-p", "--prefix", "--cwd")
_CONDA_LIVE = ("--no-capture-output", "--live-stream")


def prepare_command(command: Sequence[str]) -> tuple[str, ...]:
    """The command with the home in its first word put in, and with conda passing its output on.

    Only the first word: no shell reads the others, and a flag's value may mean its ~.
    """
    ready = (expand_home(command[0]), *command[1:])
    if conda_prefix(ready) and not set(_CONDA_LIVE) & set(ready):
        # Otherwise conda keeps vLLM's log to itself until vLLM has ended.
        return (*ready[:2], _CONDA_LIVE[0], *ready[2:])
    return ready


def conda_prefix(command: Sequence[str]) -> tuple[str, ...]:
    """The part of a `conda run` line that stands before what it runs; nothing for another command."""
    if Path(command[0]).name != "conda" or command[1:2] not in (["run"], ("run",)):
        return ()
    at = 2
    while at < len(command) and command[at].startswith("-"):
        at += 2 if command[at] in _CONDA_WITH_VALUE else 1
    return tuple(command[:at])


def expand_home(text: str) -> str:
    """The home of the box's user in place of a ~ at the beginning."""
    return os.path.expanduser(text)  # noqa: PTH111 - Path's raises for an unknown user
