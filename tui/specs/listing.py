"""The specs of the first screen: which there are, which are shown, in which order, marked and current.

A spec's number stays with it. A position is a place among the lines that are drawn now, and changes with
filter, order and grouping; cursor and marks follow their spec through all of that. No widgets.
"""

from __future__ import annotations

import operator
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from backend.catalog.catalog import same_specs
from backend.catalog.filter import Filter, choose, parse_filter
from backend.planning.history import LatestJob, SpecKey, spec_key
from backend.specs.model import BrokenSpec, Skipped, Spec
from backend.specs.reading import Finding
from tui.specs.marks import Marks
from tui.specs.numbered_rows import NumberedRows
from tui.specs.own_results import OwnResults
from tui.specs.rows import (
    FolderGroup,
    Line,
    Row,
    SortOrder,
    find_again,
    group_rows,
    heading,
    lines_of,
    sort_rows,
    specs_of,
)

if TYPE_CHECKING:
    from backend.planning.plan import Plan

_MANY = 5_000
"""From so many rows on, the list is not sorted again for every few new rows."""


class Listing:
    """The specs of the list, its cursor, marks, order and filter. Only the app's thread touches it."""

    def __init__(self) -> None:
        self.rows = NumberedRows()
        """The rows by their numbers."""
        self.shown: list[int] = []
        """Numbers of the rows that pass the filter, in order; those in folded groups too."""
        self.lines: list[Line] = []
        """The lines that are drawn: `shown`, or with groups, headings and the rows of unfolded groups."""
        self.groups: list[FolderGroup] = []
        """The groups; empty while specs are not grouped."""
        self.grouped = False
        self.order = SortOrder()
        self.filter = ""
        """The filter as it was typed."""
        self.wanted = Filter()
        """The filter as it was understood."""
        self.similar = False
        """Whether nothing matches the filter, so that similar specs are shown."""
        self.marks = Marks()
        self.position = 0
        """The position of the cursor among `lines`; 0 when there are none."""
        self.broken: list[BrokenSpec] = []
        self.skipped: list[Skipped] = []
        self.weighed = 0
        """How many rows have a plan."""
        self.jobs: dict[SpecKey, LatestJob] = {}
        """The latest jobs of specs."""
        self.has_states = False
        """Whether any spec has a state to show."""
        self.stale = False
        """Whether plans or jobs came that change the order or the filter; `renew` sorts and filters again."""
        self.hidden_marks = 0
        """How many marked specs the filter hides."""
        self._cwd = str(Path.cwd())
        self._sorted: list[int] = []
        """The numbers of all rows, in order."""
        self._of_file: dict[str, list[int]] = {}
        self.results = OwnResults(self._of_file)
        self._cursor: Line | None = None
        """The line that the cursor is on, or was on before nothing was shown."""
        self._anchor: Line | None = None
        self._folded: set[str] = set()

    # --- what there is

    def add(self, findings: Iterable[Finding]) -> list[Row]:
        """Add what a scan found, in its order; return the rows of its specs."""
        specs: list[Spec] = []
        for finding in findings:
            if isinstance(finding, Spec):
                specs.append(finding)
            elif isinstance(finding, BrokenSpec):
                self.broken.append(finding)
            else:
                self.skipped.append(finding)
        new = self.rows.add(specs)
        for row, spec in zip(new, specs, strict=True):
            self._note_new(row, spec)
        self._place(new)
        return new

    def replace_files(
        self, files: Mapping[Path, tuple[Finding, ...]]
    ) -> tuple[list[Row], set[int]]:
        """Take over what is in these files now, which is nothing for a deleted file.

        Returns the rows that have to be planned, and the numbers of the specs that are gone.
        """
        self.broken = [found for found in self.broken if found.file not in files]
        self.skipped = [found for found in self.skipped if found.file not in files]
        changed: list[Row] = []
        fresh: list[Finding] = []
        gone: set[int] = set()
        self.results.look_again()
        for file, findings in files.items():
            old = self.rows.of(self._of_file.pop(self._place_of(file), ()))
            new = [finding for finding in findings if isinstance(finding, Spec)]
            kept = same_specs([row.spec for row in old], new)
            changed += self._change([(old[kept[at]], new[at]) for at in kept])
            fresh += [spec for at, spec in enumerate(new) if at not in kept]
            fresh += [finding for finding in findings if not isinstance(finding, Spec)]
            if kept:
                self._of_file[self._place_of(file)] = [old[at].number for at in kept.values()]
            staying = set(kept.values())
            gone |= {row.number for at, row in enumerate(old) if at not in staying}
        self._remove(gone)
        added = self.add(fresh)
        self._sort()
        return changed + added, gone

    def forget_plans(self, videos: Collection[Path]) -> list[Row]:
        """Forget the plans of specs of these changed videos; return their rows, to be planned again."""
        wanted = set(map(str, videos))
        rows = [row for row in self.rows.values() if row.video in wanted] if wanted else []
        for row in rows:
            self.weighed -= row.plan is not None
            row.plan = None
        return rows

    def take_plan(self, number: int, plan: Plan) -> None:
        """Note the plan of a spec."""
        row = self.rows.get(number)
        if row is None or row.prompt != plan.prompt:
            return  # it is gone, or was edited meanwhile and will be weighed again
        self.weighed += row.plan is None
        row.plan = plan
        self._note_news()

    def take_jobs(self, jobs: Mapping[SpecKey, LatestJob]) -> bool:
        """Take over the states of jobs; return whether any of them belongs to a listed spec."""
        listed = False
        of_files: dict[Path, dict[int, LatestJob]] = {}
        for (file, entry), job in jobs.items():
            there = self.jobs.get((file, entry))
            if there is None or there.number <= job.number:
                self.jobs[file, entry] = of_files.setdefault(file, {})[entry] = job
        for file, of_entries in of_files.items():
            for row in self.rows.of(self._of_file.get(str(file), ())):
                if row.place[1] in of_entries:
                    row.job = of_entries[row.place[1]]
                    self.has_states = listed = True
        if listed:
            self._note_news()
        return listed

    def take_results(
        self, files: Mapping[Path, Path], among: Collection[Path] | None = None
    ) -> None:
        """Note that these files are results of ours, as `OwnResults.take` does."""
        for file in self.results.take(files, among):
            for number in self._of_file.get(file, ()):
                self.rows[number].is_result = file in self.results
                self.has_states = self.has_states or file in self.results
        self.stale = True

    def renew(self) -> bool:
        """Sort and filter again if plans or jobs changed the outcome; return whether that was so."""
        was_stale, self.stale = self.stale, False
        if was_stale:
            self._sort()
        return was_stale

    # --- the cursor

    @property
    def current(self) -> Row | None:
        """The row that the cursor is on; None on a heading and where nothing is shown."""
        line = self.current_line
        return self.rows[line] if line is not None and line >= 0 else None

    @property
    def current_line(self) -> Line | None:
        """The line that the cursor is on."""
        return self.lines[self.position] if self.lines else None

    @property
    def current_group(self) -> FolderGroup | None:
        """The group that the cursor is on or in."""
        line = self.current_line
        if line is None or not self.groups:
            return None
        if line < 0:
            return self.groups[heading(line)]
        return next(group for group in self.groups if group.folder == self.rows[line].folder)

    def move_to(self, position: int) -> None:
        """Put the cursor there, or at the nearest end."""
        self.position = max(0, min(position, len(self.lines) - 1))
        if self.lines:
            self._cursor = self.lines[self.position]

    # --- marks

    @property
    def marked(self) -> set[int]:
        """Numbers of the marked specs."""
        return self.marks.numbers

    @property
    def at_cursor(self) -> set[int]:
        """The number of the current spec, or of all specs below the current heading."""
        return self._specs_at(self.position, self.position)

    def toggle_mark(self) -> None:
        """Mark the specs at the cursor; if all of them are marked, remove the marks."""
        self.marks.toggle(self.at_cursor)

    def toggle_all(self) -> None:
        """Mark all shown specs; if all of them are marked, remove the marks."""
        self.marks.toggle(set(self.shown))

    def invert(self) -> None:
        """Swap marked and unmarked among the shown specs."""
        self.marks.swap(set(self.shown))

    def clear_marks(self) -> int:
        """Remove all marks, those of hidden specs too; return how many there were."""
        count = len(self.marked)
        self.marks.clear()
        self._count_hidden()
        return count

    def undo_marks(self) -> int | None:
        """Undo the last change of marks; return how many marks that swapped, None when there is none."""
        count = self.marks.undo(self.rows.keys())
        self._count_hidden()
        return count

    @property
    def choosing(self) -> bool:
        """Whether a range is being chosen."""
        return self._anchor is not None

    @property
    def range(self) -> tuple[int, int]:
        """First and last position of the range that is being chosen."""
        anchor = self.position
        if self._anchor is not None and self._anchor in self.lines:
            anchor = self.lines.index(self._anchor)
        return min(anchor, self.position), max(anchor, self.position)

    def begin_range(self) -> None:
        """Begin a range at the cursor; moving extends it."""
        self._anchor = self.current_line

    def leave_range(self) -> None:
        """Give up the range."""
        self._anchor = None

    def mark_range(self) -> None:
        """Mark the range; if all of it is marked, remove the marks."""
        self.marks.toggle(self._specs_at(*self.range))
        self._anchor = None

    # --- filter, order, groups

    def set_filter(self, text: str) -> None:
        """Show only specs that match `text`. The cursor keeps its spec, or the one that takes its place."""
        self.filter = text.strip()
        before, self.wanted = self.wanted, parse_filter(self.filter)
        # A longer word leaves less of what the shorter one left; jobs and plans may add to that.
        narrower = self.wanted.narrows(before) and not (before.changes or self.wanted.wants_results)
        self._show(self._passing(self.rows.of(self.shown if narrower else self._sorted)))

    def set_order(self, order: SortOrder) -> None:
        """Sort by a column."""
        self.order = order
        self._sort()

    def set_grouped(self, grouped: bool) -> None:
        """Show folders as headings, or no folders."""
        self.grouped = grouped
        self._lay_out()

    def fold(self, folded: bool) -> None:
        """Hide the specs of the current group, or show them."""
        group = self.current_group
        if group is None or group.folded is folded:
            return
        (self._folded.add if folded else self._folded.discard)(group.folder)
        self._cursor = heading(self.groups.index(group))
        self._lay_out()

    @property
    def shown_rows(self) -> list[Row]:
        """The rows that pass the filter, in order."""
        return self.rows.of(self.shown)

    # --- how that is done

    def _note_new(self, row: Row, spec: Spec) -> None:
        self._of_file.setdefault(self._place_of(spec.file), []).append(row.number)
        if self.jobs:
            row.job = self.jobs.get(spec_key(spec))
        row.is_result = self.results.note_listed(self._place_of(spec.file))
        self.has_states = self.has_states or row.job is not None or row.upsampled

    def _place_of(self, file: Path) -> str:
        # As file.absolute() would, which takes several times as long for a list of 100,000.
        return os.path.join(self._cwd, file)  # noqa: PTH118

    def _change(self, changes: Sequence[tuple[Row, Spec]]) -> list[Row]:
        """Give rows their new specs, and return those that have to be planned again."""
        self.rows.put((row.number, spec) for row, spec in changes)
        to_plan: list[Row] = []
        for before, spec in changes:
            row = self.rows[before.number]
            row.job, row.is_result = self.jobs.get(spec_key(spec)), before.is_result
            if (before.prompt, before.video) == (row.prompt, row.video):
                row.plan = before.plan
            else:
                self.weighed -= before.plan is not None
                to_plan.append(row)
        return to_plan

    def _remove(self, numbers: set[int]) -> None:
        self.weighed -= sum(self.rows[number].plan is not None for number in numbers)
        self.rows.remove(numbers)
        if numbers:
            self.marks.forget(numbers)
            self._sorted = [number for number in self._sorted if number in self.rows]
            self.shown = [number for number in self.shown if number in self.rows]

    def _place(self, new: list[Row]) -> None:
        """Put new rows in the places that the order, filter and groups give them."""
        if not new:
            return
        last = self.rows[self._sorted[-1]].place if self._sorted else new[0].place
        as_found = [last, *(row.place for row in new)]
        plain = self.order == SortOrder() and not self.grouped and not self.wanted.words
        self._sorted += [row.number for row in new]
        if plain and all(map(operator.le, as_found, as_found[1:])):
            # As a scan finds them, so nothing moves.
            self.shown += [row.number for row in self._passing(new)]
            self._lay_out()
        elif len(self._sorted) < _MANY:
            self._sort()
        else:
            self.stale = True

    def _note_news(self) -> None:
        self.stale = self.stale or self.wanted.changes or self.order.column.changes

    def _sort(self) -> None:
        rows = sort_rows(self.rows.of(self._sorted), self.order)
        self._sorted = [row.number for row in rows]
        self._show(self._passing(rows))

    def _passing(self, rows: list[Row]) -> list[Row]:
        found, self.similar = choose(self.wanted, self._eligible(rows))
        if self.similar or (not found and self.wanted.words):
            # What matched a shorter word is not all that is similar to this one.
            found, self.similar = choose(self.wanted, self._eligible(self.rows.of(self._sorted)))
        return found

    def _eligible(self, rows: list[Row]) -> list[Row]:
        """Return the rows without results whose specs are listed, and without those that marks exclude."""
        if not self.wanted.wants_results:
            rows = self.results.without_those_of_listed(rows)
        if self.wanted.marked is None:
            return rows
        return [row for row in rows if (row.number in self.marked) is self.wanted.marked]

    def _show(self, rows: list[Row]) -> None:
        self.shown = [row.number for row in rows]
        self._count_hidden()
        self._lay_out()

    def _count_hidden(self) -> None:
        self.hidden_marks = len(self.marked.difference(self.shown)) if self.marked else 0

    def _lay_out(self) -> None:
        before, position = self.lines, self.position
        self.groups = group_rows(self.shown_rows, self._folded) if self.grouped else []
        self.lines = lines_of(self.groups) if self.grouped else self.shown
        self.move_to(find_again(self._cursor, self.lines, before, position))

    def _specs_at(self, first: int, last: int) -> set[int]:
        return specs_of(self.lines[first : last + 1], self.groups)
