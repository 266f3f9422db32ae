"""Every message of the app.

Workers post the first group from their threads and touch nothing else; the screen's handlers own every
change of state. Widgets post the second group when the user did something.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from backend.catalog.catalog import Changes
    from backend.errors import UpsampleError
    from backend.planning.history import LatestJob, Place
    from backend.planning.plan import Plan
    from backend.planning.summary import Summary
    from backend.results.review import Review
    from backend.specs.reading import Finding
    from tui.specs.frames.pictures import Picture
    from tui.specs.ordering import Column
    from tui.tokens.what_if import Subject


@dataclass
class FilesRead(Message):
    """The scan has read some more files."""

    findings: tuple[Finding, ...]
    read: int
    """Files read so far."""
    total: int
    """Files of the scan."""


@dataclass
class ScanEnded(Message):
    """Everything is read."""


@dataclass
class FilesChanged(Message):
    """Files were made, changed or removed after they were read."""

    changes: Changes


@dataclass
class HistoryRead(Message):
    """What earlier runs left in the queue, or what is known of more files."""

    jobs: dict[Place, LatestJob]
    results: frozenset[Path]
    """Files that are results of ours, absolute."""
    among: frozenset[Path] | None = None
    """The files that were looked at for `results`; None for all."""


@dataclass(frozen=True, slots=True)
class MadePlan:
    """The plan of one spec."""

    number: int
    """The list's number of the spec."""
    plan: Plan
    better_folder: Path | None
    """The folder from which its missing video would be found."""


@dataclass
class PlansMade(Message):
    """Some more specs are weighed."""

    plans: tuple[MadePlan, ...]


@dataclass
class PlanningStopped(Message):
    """No plan can be made at all, for instance because the tokenizer is missing."""

    error: UpsampleError


@dataclass
class CurrentChanged(Message):
    """The cursor of the list is on another spec."""


@dataclass
class MarksChanged(Message):
    """Specs were marked or unmarked."""


@dataclass
class SortAsked(Message):
    """The heading of a column was clicked."""

    column: Column


@dataclass
class ReadAsked(Message):
    """A spec was double-clicked: its detail is asked for."""


@dataclass
class SightChanged(Message):
    """Other rows of the list are in sight."""


@dataclass
class CurrentJobChanged(Message):
    """The cursor of the list of jobs was moved."""


@dataclass
class JobMarksChanged(Message):
    """Jobs were marked or unmarked."""


@dataclass
class Weighed(Message):
    """The dialog's worker has weighed some more specs."""

    draft: int
    """Which of the drafts, counted from 1: an older one is void."""
    count: int
    total: int


@dataclass
class SummaryMade(Message):
    """What would be queued is known."""

    draft: int
    summary: Summary


@dataclass
class SummaryFailed(Message):
    """Nothing can be queued, whatever is chosen."""

    draft: int
    error: UpsampleError


class LogMoved(Message):
    """Other lines of the log are in sight or selected, or it follows the end no longer, or again."""


@dataclass
class PicturesRead(Message):
    """Some more frames of a spec were decoded."""

    task: object
    """What they were read for; whoever wants something else by now passes them over."""
    pictures: tuple[Picture, ...]
    """All so far, in the order in which they are sent."""
    trouble: str = ""
    """Why there are no more, when they cannot be read."""
    ended: bool = False
    """Whether the thread is done."""


@dataclass
class SubjectRead(Message):
    """What the token panel is about was read and counted."""

    subject: Subject | None
    """None when it cannot be."""
    error: UpsampleError | None = None
    """Why not."""


@dataclass
class ReviewRead(Message):
    """The results of the queue, with what is decided about them."""

    review: Review


@dataclass
class ReviewFailed(Message):
    """The results could not be read, or a decision was not made."""

    error: UpsampleError
    job: int | None
    """What was to be decided about; None when the results could not be read."""


@dataclass
class ReviewTold(Message):
    """Something was decided."""

    text: str
    """What that did; empty for nothing worth saying."""
    job: int | None = None


@dataclass
class CurrentResultChanged(Message):
    """The cursor of the review's list was moved."""
