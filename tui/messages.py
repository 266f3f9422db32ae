"""Every message of the app.

Workers post the first group from their threads and touch nothing else; the screen's handlers own every
change of state. Widgets post the second group when the user did something.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from textual.message import Message

from backend.errors import UpsampleError
from backend.plan import Plan
from backend.specs.reading import Finding


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


@dataclass(frozen=True, slots=True)
class MadePlan:
    """The plan of one spec."""

    number: int
    """The spec's place in the order of arrival."""
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
class SightChanged(Message):
    """Other rows of the list are in sight."""
