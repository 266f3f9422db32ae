"""The rows of the list, one for each spec; the lines that it draws, which are rows and headings; and the
columns that rows can be sorted by. No widgets.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, cast

from backend.catalog.filter import haystack_of
from backend.specs.model import Kind, Spec, kind_text
from tui.specs.packs import Pack, sortable
from tui.tokens.verdicts import Standing, standing

if TYPE_CHECKING:
    from backend.planning.history import LatestJob
    from backend.planning.plan import Plan
    from backend.store import State

Key = tuple[int | str, ...] | int | str


class Column(Enum):
    """A column; the value is its name in the heading and in the chooser."""

    PLACE = "file"
    """The folder, file and entry: the order in which a scan finds specs."""
    NAME = "name"
    FORMAT = "format"
    """The format, and the mode."""
    VIDEO = "video"
    SIZE = "size"
    FRAMES = "frames"
    TOKENS = "tokens"
    VERDICT = "verdict"
    STATE = "state"

    @property
    def changes(self) -> bool:
        """Whether its values change while specs are planned and jobs go on."""
        return self not in (Column.PLACE, Column.NAME, Column.FORMAT, Column.VIDEO)


@dataclass(frozen=True, slots=True)
class SortOrder:
    """The order of the list: a column, and a direction."""

    column: Column = Column.PLACE
    descending: bool = False

    def by(self, column: Column) -> SortOrder:
        """Return the order by that column; if it is the present column, in the other direction."""
        return SortOrder(column, descending=column is self.column and not self.descending)

    @property
    def arrow(self) -> str:
        """The arrow in the heading of the column."""
        return "▼" if self.descending else "▲"


class Row(ABC):
    """One spec, and its plan once it is made."""

    __slots__ = ("number",)

    number: int
    """The number of the spec, which stays the same while its file is edited."""

    @property
    @abstractmethod
    def plan(self) -> Plan | None:
        """The plan once it is made; for a packed spec without the prompt, as `whole_plan` has it."""

    @plan.setter
    @abstractmethod
    def plan(self, plan: Plan | None) -> None: ...

    @property
    @abstractmethod
    def job(self) -> LatestJob | None:
        """The latest job of this file and entry."""

    @job.setter
    @abstractmethod
    def job(self, job: LatestJob | None) -> None: ...

    @property
    @abstractmethod
    def is_result(self) -> bool:
        """Whether its file is a result of ours."""

    @is_result.setter
    @abstractmethod
    def is_result(self, is_result: bool) -> None: ...

    @property
    @abstractmethod
    def source(self) -> Spec | Pack:
        """What the spec is had from, also in another thread and when the row is gone."""

    @property
    @abstractmethod
    def spec(self) -> Spec: ...

    @property
    @abstractmethod
    def kind(self) -> Kind:
        """The format and mode of the spec."""

    @property
    @abstractmethod
    def prompt(self) -> str:
        """The prompt of the spec."""

    @property
    @abstractmethod
    def video(self) -> str:
        """The path of the spec's video; empty where it has none."""

    @property
    @abstractmethod
    def haystack(self) -> str:
        """The text that the filter searches."""

    @property
    @abstractmethod
    def place(self) -> tuple[str, int]:
        """Its file, spelled so that sorting gives the order of a scan, and its entry."""

    @property
    @abstractmethod
    def upsampled(self) -> bool:
        """Whether its file says that it is upsampled, or is a result of ours."""

    @property
    def whole_plan(self) -> Plan | None:
        """The plan with its prompt."""
        plan = self.plan
        return plan and replace(plan, prompt=self.prompt)

    @property
    def bookmark(self) -> str:
        """The place of the spec on disk, by which the next session finds it."""
        return f"{self.spec.file.absolute()}:{self.place[1]}"

    def is_at(self, bookmark: str) -> bool:
        """Whether this is its bookmark, which takes less time than to make it."""
        return bookmark.endswith(f":{self.place[1]}") and self.bookmark == bookmark

    @property
    def folded_name(self) -> str:
        """The name of the spec for sorting, with capitals folded."""
        return self.haystack.partition("\n")[0]

    @property
    def folder(self) -> str:
        """The folder of its file as the user named it; empty for the working directory."""
        return self.place[0].rpartition("\0")[0].replace("\0", os.sep)

    @property
    def state(self) -> State | None:
        """The state of the latest job for this prompt; None when there is none."""
        job = self.job
        return job.state if job and job.prompt == self.prompt else None


class HeldRow(Row):
    """A row that holds its spec."""

    __slots__ = ("haystack", "is_result", "job", "place", "plan", "spec")

    spec: Spec
    plan: Plan | None
    job: LatestJob | None
    is_result: bool
    haystack: str
    place: tuple[str, int]

    def __init__(self, spec: Spec, plan: Plan | None = None, number: int = 0) -> None:
        self.spec = spec
        self.plan = plan
        self.number = number
        self.job = None
        self.is_result = False
        self.haystack = haystack_of(spec)
        self.place = (sortable(spec.file), spec.entry)

    @property
    def source(self) -> Spec:
        return self.spec

    @property
    def kind(self) -> Kind:
        return self.spec.kind

    @property
    def prompt(self) -> str:
        return self.spec.prompt

    @property
    def video(self) -> str:
        return str(self.spec.video or "")

    @property
    def upsampled(self) -> bool:
        return self.spec.is_upsampled or self.is_result


@dataclass(slots=True)
class FolderGroup:
    """The specs of one folder."""

    folder: str
    numbers: list[int] = field(default_factory=list)
    """The numbers of its shown specs, in their order."""
    folded: bool = False


Line = int
"""A line of the list: the number of a spec, or, below zero, a heading: -1 is that of the first group."""


def heading(index: int) -> Line:
    """Return the line of the heading of a group, or the index of the group of a heading."""
    return -1 - index


def group_rows(rows: Iterable[Row], folded: Collection[str]) -> list[FolderGroup]:
    """Group the rows by folder. Folders are sorted by name, and rows keep their order."""
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
    """Return the headings, each with the specs of its group below it unless the group is folded."""
    lines: list[Line] = []
    for index, group in enumerate(groups):
        lines.append(heading(index))
        if not group.folded:
            lines += group.numbers
    return lines


def specs_of(lines: Iterable[Line], groups: Sequence[FolderGroup]) -> set[int]:
    """Return the numbers of the specs on these lines; those of a heading are all of its group."""
    numbers: set[int] = set()
    for line in lines:
        numbers.update((line,) if line >= 0 else groups[heading(line)].numbers)
    return numbers


def find_again(cursor: Line | None, lines: list[Line], before: list[Line], position: int) -> int:
    """Return the position of the cursor among `lines`, or of the line that took its place. It was at
    `position` of the lines `before`.
    """
    if cursor is None or not lines:
        return 0
    if position < len(lines) and lines[position] == cursor:
        return position
    with suppress(ValueError):
        return lines.index(cursor)
    there = {line: at for at, line in enumerate(lines)}
    around = [*before[position + 1 :], *reversed(before[:position])]
    return next((there[line] for line in around if line in there), 0)


def sort_rows(rows: Iterable[Row], order: SortOrder) -> list[Row]:
    """Sort the rows stably. Rows without a value come last in both directions."""
    key_of = _KEYS[order.column]
    known: list[Row] = []
    unknown: list[Row] = []
    for row in rows:
        (unknown if key_of(row) is None else known).append(row)
    # None of them is None, which the type of the key cannot say.
    known.sort(key=cast("Callable[[Row], str]", key_of), reverse=order.descending)
    return known + unknown


def _size(row: Row) -> Key | None:
    if row.plan is None or row.plan.video is None:
        return None
    size = row.plan.video.size
    return size.width * size.height, size.width


def _frames(row: Row) -> Key | None:
    return row.plan.video.frames if row.plan and row.plan.video else None


def _tokens(row: Row) -> Key | None:
    return row.plan.budget.prompt_tokens if row.plan and row.plan.budget else None


def _verdict(row: Row) -> Key | None:
    found = standing(row.plan)
    return None if found is Standing.WAITING else _STANDINGS[found]


def _state(row: Row) -> Key | None:
    # What goes on comes first, then what went wrong, then what is done.
    if row.state is None:
        return 9 if row.upsampled else None
    return _STATES.get(row.state.value, _WAITING)


_STANDINGS = {found: place for place, found in enumerate(Standing)}
_WAITING = 3
_STATES = {
    state: place
    for place, state in enumerate(
        ("running", "sent", "preparing", "queued", "failed", "cancelled", "done")
    )
}
_KEYS: dict[Column, Callable[[Row], Key | None]] = {
    Column.PLACE: lambda row: row.place,
    Column.NAME: lambda row: row.folded_name,
    Column.FORMAT: lambda row: kind_text(row.kind),
    Column.VIDEO: lambda row: row.video or None,
    Column.SIZE: _size,
    Column.FRAMES: _frames,
    Column.TOKENS: _tokens,
    Column.VERDICT: _verdict,
    Column.STATE: _state,
}
