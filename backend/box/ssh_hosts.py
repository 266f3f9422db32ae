"""Lists the hosts in the user's ssh config, as suggestions for the host of a box."""

from __future__ import annotations

import glob
import os
import shlex
from collections.abc import Iterator
from pathlib import Path

_DEEPEST = 4
"""The most levels of nested Include lines that are followed."""


def ssh_config_hosts(file: Path | None = None) -> list[str]:
    """List the names of `Host` lines that are not patterns, in order and without repeats.

    Files that cannot be read are skipped.
    """
    file = file or Path(os.path.expanduser("~/.ssh/config"))  # noqa: PTH111 - as ssh, never raises
    return list(dict.fromkeys(_hosts(file, _DEEPEST)))


def _hosts(file: Path, deepest: int) -> Iterator[str]:
    try:
        lines = file.read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        keyword, values = _parse(line)
        if keyword == "host":
            yield from (name for name in values if not set(name) & set("*?!"))
        elif keyword == "include" and deepest:
            for pattern in values:
                # Relative paths start at ~/.ssh, in every file.
                whole = Path("~/.ssh").expanduser() / Path(pattern).expanduser()
                for included in sorted(glob.glob(str(whole))):  # noqa: PTH207 - it may be absolute
                    yield from _hosts(Path(included), deepest - 1)


def _parse(line: str) -> tuple[str, list[str]]:
    try:
        words = shlex.split(line.replace("=", " ", 1), comments=True)
    except ValueError:
        return "", []
    return (words[0].lower(), words[1:]) if words else ("", [])
