"""What is seen of a batch from outside: its runs, and the faults that come over it."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.faults.kind import Kind
from tests.support.laptop import JsonObject


@dataclass(frozen=True)
class Injected:
    """A fault that has happened."""

    number: int
    kind: Kind
    at: float
    """By the monotonic clock, which all processes share."""


@dataclass(frozen=True)
class Planned:
    """A fault that is to come."""

    number: int
    kind: Kind


@dataclass
class Life:
    """One run of the command."""

    arguments: tuple[str, ...]
    began: float
    ended: float = 0.0
    code: int | None = None
    events: list[tuple[float, JsonObject]] = field(default_factory=list)
    errors: str = ""
    was_broken_off: bool = False
    """Whether the harness ended it, so that something could happen before the next run."""
    cpu: float = 0.0
    """Processor time in seconds, of the command and all that it started; where batches run side by side, of
    the others' commands that ended meanwhile, too."""


@dataclass(frozen=True)
class Switch:
    """The model server that is the right one was replaced by another one."""

    label: str
    """Of the new one, as the account has it."""
    known: frozenset[str]
    """Prompts that the box had by then: the old one may answer them."""
