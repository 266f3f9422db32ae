"""One spec of the list and what is known of it; and the lines that the rows are drawn on. No widgets."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from backend.catalog.filter import haystack_of
from backend.planning.history import LatestJob
from backend.planning.plan import Plan
from backend.specs.model import Spec
from backend.store import State


@dataclass(slots=True, eq=False)
class Row:
    """One spec, and its plan once it is made."""

    spec: Spec
    plan: Plan | None = None
    better_folder: Path | None = None
    """The folder from which the spec's missing video would be found."""
    number: int = 0
    """Stays as long as the spec is there, whatever is edited in it."""
    job: LatestJob | None = None
    """Of this file and entry."""
    is_result: bool = False
    """Whether its file is a result of ours."""
    haystack: str = field(init=False)
    """What the filter looks at."""
    place: tuple[str, int] = field(init=False)
    """Its file, so spelled that sorting gives the order of a scan, and its entry."""

    def __post_init__(self) -> None:
        self.take(self.spec)

    def take(self, spec: Spec) -> None:
        """This is what the spec says now."""
        self.spec = spec
        self.haystack = haystack_of(spec)
        # No name holds a NUL, and no character comes before it.
        self.place = (str(spec.file).replace(os.sep, "\0"), spec.entry)

    @property
    def folded_name(self) -> str:
        """For sorting without regard to capitals."""
        return self.haystack.partition("\n")[0]

    @property
    def folder(self) -> str:
        """The folder that its file is in, as it was named; empty for the working directory."""
        return self.place[0].rpartition("\0")[0].replace("\0", os.sep)

    @property
    def state(self) -> State | None:
        """Of the latest job for this prompt; None when there is none."""
        return self.job.state if self.job and self.job.prompt == self.spec.prompt else None

    @property
    def upsampled(self) -> bool:
        """By its own word, or because we wrote it."""
        return self.spec.is_upsampled or self.is_result


@dataclass(slots=True)
class FolderGroup:
    """The specs of one folder."""

    folder: str
    numbers: list[int] = field(default_factory=list)
    """Of those that are shown, in their order."""
    folded: bool = False


Line = int
"""A spec's number; or, below zero, a heading: -1 is that of the first group."""


def heading(index: int) -> Line:
    """The line of a group's heading; and of a heading, the index of its group."""
    return -1 - index


def group_rows(rows: Iterable[Row], folded: Collection[str]) -> list[FolderGroup]:
    """The rows by folder, the folders by name, the rows of each in the order that they come in."""
    groups: dict[str, FolderGroup] = {}
    for row in rows:
        # The place is at hand, and its folder serves as well for telling folders apart.
        key = row.place[0].rpartition("\0")[0]
        group = groups.get(key)
        if group is None:
            group = groups[key] = FolderGroup(row.folder, folded=row.folder in folded)
        group.numbers.append(row.number)
    return [groups[key] for key in sorted(groups)]


def lines_of(groups: Iterable[FolderGroup]) -> list[Line]:
    """Headings, and below each the specs of its group unless that is folded."""
    lines: list[Line] = []
    for index, group in enumerate(groups):
        lines.append(heading(index))
        if not group.folded:
            lines += group.numbers
    return lines
