"""The specs of tables, which may be a million: they are kept as text, and made when they are asked for.

A spec as an object, with its row, takes some 800 bytes; packed it takes its text and 30 bytes.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Sequence
from os.path import commonprefix
from pathlib import Path
from typing import TYPE_CHECKING

from backend.specs.model import UNSAID, Kind, Spec, SpecFormat

if TYPE_CHECKING:
    from backend.planning.history import LatestJob
    from backend.planning.plan import Plan
    from tui.specs.shared_plans import SharedPlans

MOST_SPECS = 1_000
"""The most specs of a pack."""
PACKED_KIND: Kind = SpecFormat.TABLE, None
"""The kind of every spec that can be packed."""
_HAS_VIDEO, _IS_UPSAMPLED = 1, 2
_TEXTS = 4
"""The texts of a spec: name, prompt, the end of the video's path, and the upsampled prompt of the file."""


class Pack:
    """Some specs of one table, whose rows have consecutive numbers, with what is known of them."""

    __slots__ = (
        *("first", "jobs", "is_result", "_shared", "_plans"),
        *("_file", "_place", "_text", "_ends", "_entries", "_lines", "_flags", "_start"),
    )

    def __init__(self, first: int, specs: Sequence[Spec], shared: SharedPlans) -> None:
        """`first` is the number of the first row. All specs can be packed, and have the same file."""
        self.first = first
        self._shared = shared
        self._plans: list[Plan | None] = [None] * len(specs)
        self.jobs: dict[int, LatestJob] = {}
        """The latest jobs by the number of the row; few have one."""
        self.is_result = False
        self._file = specs[0].file
        self._place = sortable(self._file)
        videos = [str(spec.video) if spec.video else "" for spec in specs]
        # Not commonpath: it need not be a path.
        self._start = commonprefix([video for video in videos if video])  # noqa: RUF071
        """The beginning of the paths of all videos."""
        self._entries = array("I", [spec.entry for spec in specs])
        self._lines = array("I", [spec.line for spec in specs])
        self._flags = bytes(
            _HAS_VIDEO * (spec.video is not None) + _IS_UPSAMPLED * spec.is_upsampled
            for spec in specs
        )
        text = bytearray()
        self._ends = array("I", [0])
        """Where each text ends in the text of all."""
        for spec, video in zip(specs, videos, strict=True):
            # So that name and prompt together are what the filter searches.
            texts = (spec.name, f"\n{spec.prompt}", video[len(self._start) :], spec.written_prompt)
            for each in texts:
                # A path may hold bytes that are no text, as halves of surrogate pairs.
                text += (each or "").encode("utf-8", "surrogatepass")
                self._ends.append(len(text))
        self._text = bytes(text)

    def spec(self, number: int) -> Spec:
        """Make the spec of a row."""
        at = number - self.first
        return Spec(
            format=SpecFormat.TABLE,
            file=self._file,
            entry=self._entries[at],
            line=self._lines[at],
            name=self._between(at, 0, 1),
            prompt=self.prompt(number),
            video=Path(self.video(number)) if self._flags[at] & _HAS_VIDEO else None,
            is_upsampled=self.is_upsampled(number),
            written_prompt=self._between(at, 3, 4) or None,
        )

    def prompt(self, number: int) -> str:
        """Return the prompt of a row."""
        return self._between(number - self.first, 1, 2)[1:]

    def video(self, number: int) -> str:
        """Return the path of a row's video; empty where it has none."""
        at = number - self.first
        return self._start + self._between(at, 2, 3) if self._flags[at] & _HAS_VIDEO else ""

    def haystack(self, number: int) -> str:
        """Return what `haystack_of` makes of the spec of a row."""
        # Not by way of _between: a filter asks for all of a million.
        ends, base = self._ends, (number - self.first) * _TEXTS
        text = self._text[ends[base] : ends[base + 2]]
        return text.decode("utf-8", "surrogatepass").casefold()

    def place(self, number: int) -> tuple[str, int]:
        """Return the place of a row's spec, as `Row.place`."""
        return self._place, self._entries[number - self.first]

    def is_upsampled(self, number: int) -> bool:
        """Whether the table says that the prompt of a row was upsampled already."""
        return bool(self._flags[number - self.first] & _IS_UPSAMPLED)

    def plan(self, number: int) -> Plan | None:
        """Return the plan of a row, without its prompt."""
        return self._plans[number - self.first]

    def take_plan(self, number: int, plan: Plan | None) -> None:
        """Note the plan of a row."""
        kept = None if plan is None else self._shared.without_prompt(plan)
        self._plans[number - self.first] = kept

    def _between(self, at: int, first: int, end: int) -> str:
        ends, base = self._ends, at * _TEXTS
        return self._text[ends[base + first] : ends[base + end]].decode("utf-8", "surrogatepass")


def can_be_packed(spec: Spec) -> bool:
    """Whether a `Pack` keeps all that the spec says."""
    says_more = spec.controls or spec.prompt_file is not None or spec.target != UNSAID
    return spec.format is SpecFormat.TABLE and not says_more and spec.written_prompt != ""


def sortable(file: Path) -> str:
    """Spell a file so that sorting gives the order of a scan."""
    # No name holds a NUL, and no character comes before it.
    return str(file).replace(os.sep, "\0")
