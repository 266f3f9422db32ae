"""Lists the hosts in the user's ssh config, as suggestions for the host of a box."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from pathlib import Path

from backend.box.ssh_config.lines import read_lines, split_line, split_words
from backend.box.ssh_config.reading import users_file

_DEEPEST = 4
"""The most levels of nested Include lines that are followed."""


def ssh_config_hosts(file: Path | None = None) -> list[str]:
    """List the names of `Host` lines that are not patterns, in order and without repeats.

    Files that cannot be read are skipped.
    """
    return list(dict.fromkeys(_hosts(file or users_file(), _DEEPEST)))


def _hosts(file: Path, deepest: int) -> Iterator[str]:
    try:
        lines = read_lines(file)
    except OSError:
        return
    for line in lines:
        keyword, values = _parse(line)
        if keyword == "host":
            # What is no text is no name that could be shown.
            yield from (
                name for name in values if name.isprintable() and not set(name) & set("*?!")
            )
        elif keyword == "include" and deepest:
            for pattern in values:
                # Relative paths start at ~/.ssh, in every file.
                whole = Path("~/.ssh").expanduser() / Path(pattern).expanduser()
                for included in sorted(glob.glob(str(whole))):  # noqa: PTH207 - it may be absolute
                    yield from _hosts(Path(included), deepest - 1)


def _parse(line: str) -> tuple[str, list[str]]:
    keyword, rest = split_line(line)
    try:
        return keyword, split_words(rest)
    except ValueError:
        return "", []
