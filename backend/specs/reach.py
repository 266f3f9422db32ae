"""Decides which files a folder and a spec may lead to. Somebody else may have made them, as an archive.

A link in a folder could lead the scan to the user's own texts, and a spec's `prompt_path` could name one.
What is read in this way would be sent to the box as a prompt.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from backend.files import lies_within
from backend.specs.model import BrokenSpec, Skipped, Spec
from backend.specs.quoting import printable
from backend.specs.reading import Finding


def leads_out(path: str | Path, root: str) -> bool:
    """Whether a path leads out of `root` through links. `root` is free of links."""
    return not lies_within(os.path.realpath(path), root)


def not_followed(links: Sequence[Path], folder: Path, cwd: Path) -> Skipped:
    """Make the finding about the links in a named folder that lead out of it. There is at least one."""
    there = os.path.realpath(cwd / links[0])
    others = len(links) - 1
    more = (
        f" ({others:,} more {'link leads' if others == 1 else 'links lead'} out of it)"
        if others
        else ""
    )
    return Skipped(
        links[0],
        f"a link that leads out of {printable(str(folder))}; to read what is there, name "
        f"{printable(there)} itself{more}",
    )


def folders_around_links(folder: Path) -> list[str]:
    """Return the folders below `folder`, and itself, where a link leads out; nothing where none does.

    Whoever watches `folder` as a whole would follow such a link, and it may lead to the whole disk.
    """
    root = os.path.realpath(folder)
    found, waiting, is_left = [], [str(folder)], False
    while waiting:
        found.append(waiting.pop())
        with suppress(OSError), os.scandir(found[-1]) as listing:
            for entry in listing:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                elif entry.is_symlink() and entry.is_dir():
                    is_left = is_left or leads_out(entry.path, root)
    return found if is_left else []


class Reach:
    """The places whose texts the user's specs may name as their prompts."""

    def __init__(self, named: Sequence[Path], cwd: Path) -> None:
        self._named = named
        self._cwd = cwd

    def judge(self, findings: Iterable[Finding]) -> tuple[Finding, ...]:
        """Return the findings, with a BrokenSpec for each spec whose prompt is in a text out of reach."""
        return tuple(
            _out_of_reach(found, found.prompt_file)
            if isinstance(found, Spec)
            and found.prompt_file is not None
            and not self._may_name(found.file, found.prompt_file)
            else found
            for found in findings
        )

    @cached_property
    def _roots(self) -> list[str]:
        return [
            os.path.realpath(place) for place in (self._cwd, *(self._cwd / n for n in self._named))
        ]

    def _may_name(self, file: Path, text: Path) -> bool:
        """Whether the spec in `file` may name this text as its prompt.

        The text is named by the user; or it is below the working directory, a named folder or the spec's own
        folder, and no hidden folder leads to it from there.
        """
        place = os.path.realpath(self._cwd / text)
        roots = [*self._roots, os.path.realpath((self._cwd / file).parent)]
        return any(
            lies_within(place, root) and f"{os.sep}." not in place[len(root.rstrip(os.sep)) :]
            for root in roots
        )


def _out_of_reach(spec: Spec, text: Path) -> BrokenSpec:
    return BrokenSpec(
        spec.file,
        spec.line,
        f'"prompt_path" leads to {printable(str(text))}, which is neither in this folder nor in the '
        "spec's: name that file, too, if its text is to be sent",
    )
