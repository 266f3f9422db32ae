"""Plans the specs of the list in one thread: those in sight first, the others in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from threading import Condition
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple, Protocol

from tui.specs.packs import Pack

if TYPE_CHECKING:
    from backend.planning.plan import Plan
    from backend.specs.model import Spec

POST_EVERY = 0.1
"""Seconds between two batches of plans for specs out of sight."""


@dataclass(frozen=True, slots=True)
class MadePlan:
    """The plan of one spec."""

    number: int
    """The number of the spec in the list."""
    plan: Plan


class PromptPlanner(Protocol):
    """Makes plans: `backend.planning.plan.Planner`, or a stand-in in tests. It is called from one thread."""

    def plan_spec(self, spec: Spec) -> Plan:
        """Plan a prompt and its video. May block; the plan tells what is wrong with the spec."""


class Taken(NamedTuple):
    """A spec that is to be planned."""

    number: int
    """The number of the spec in the list."""
    spec: Spec
    in_sight: bool
    """Whether the spec is in sight."""


class PlanQueue:
    """The specs that wait for a plan. The page fills it, and the planning thread empties it."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._waiting: list[Spec | Pack | None] = []
        """What waits by its number, else None. A million of them would take 40 bytes each in a dict."""
        self._order: deque[int] = deque()
        """The numbers in the order in which they were added. Some of them do not wait any more."""
        self._in_sight: deque[int] = deque()
        self._closed = False

    def add(self, specs: Mapping[int, Spec | Pack]) -> None:
        """Add new or changed specs, by their numbers; a packed one as its pack."""
        with self._changed:
            self._waiting += [None] * (max(specs, default=-1) + 1 - len(self._waiting))
            self._order.extend(number for number in specs if self._waiting[number] is None)
            for number, spec in specs.items():
                self._waiting[number] = spec
            self._changed.notify()

    def forget(self, numbers: Iterable[int]) -> None:
        """Remove specs that are gone."""
        with self._changed:
            for number in numbers:
                self._pop(number)

    def look_at(self, numbers: Iterable[int]) -> None:
        """Put the specs that are in sight now first; those that were in sight before wait in their old
        places.
        """
        with self._changed:
            self._in_sight = deque(numbers)

    def close(self) -> None:
        """End the queue. A thread that waits in `take` returns."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        """Whether the queue has ended."""
        return self._closed

    def take(self, *, wait: bool) -> Taken | None:
        """Return the next spec; None when the queue has ended, or is empty and `wait` is false."""
        with self._changed:
            while not self._closed:
                taken = self._pick()
                if taken is not None:
                    return taken
                if not wait:
                    return None
                self._changed.wait()
            return None

    def _pick(self) -> Taken | None:
        for numbers in (self._in_sight, self._order):
            while numbers:
                number = numbers.popleft()
                kept = self._pop(number)
                if kept is not None:
                    spec = kept.spec(number) if isinstance(kept, Pack) else kept
                    return Taken(number, spec, numbers is self._in_sight)
        return None

    def _pop(self, number: int) -> Spec | Pack | None:
        if number >= len(self._waiting):
            return None
        kept, self._waiting[number] = self._waiting[number], None
        return kept


def make_plans(
    queue: PlanQueue,
    planner: PromptPlanner,
    post: Callable[[tuple[MadePlan, ...]], object],
) -> None:
    """Plan the specs of the queue until it is closed. Blocks.

    A plan in sight is posted at once, because the next one may hang on a slow disk; others are posted in
    batches.

    Raises UpsampleError when no plan can be made at all.
    """
    batch: list[MadePlan] = []
    posted = 0.0
    while not queue.closed:
        # With something in hand there is no waiting: it is posted first.
        taken = queue.take(wait=not batch)
        if taken is not None:
            number, spec, _ = taken
            batch.append(MadePlan(number, planner.plan_spec(spec)))
        now = taken is None or taken.in_sight or monotonic() - posted > POST_EVERY
        if batch and now:
            post(tuple(batch))
            batch, posted = [], monotonic()
