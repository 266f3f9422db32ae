"""Plans for the specs on the screen, made by one thread: those in sight first, the rest in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Condition
from time import monotonic
from typing import NamedTuple, Protocol

from backend.planning.plan import Plan
from backend.specs.missing_media import missing_media_hint
from backend.specs.model import Spec

POST_EVERY = 0.1
"""Seconds between two batches of plans that nobody sees yet."""


@dataclass(frozen=True, slots=True)
class MadePlan:
    """The plan of one spec."""

    number: int
    """The list's number of the spec."""
    plan: Plan
    better_folder: Path | None
    """The folder from which its missing video would be found."""


class PromptPlanner(Protocol):
    """What makes plans: `backend.planning.plan.Planner`, or a stand-in in tests. Called from one thread."""

    def plan_spec(self, spec: Spec) -> Plan:
        """Weigh a prompt and its video. May block; what is wrong with the spec is in the plan."""


class Taken(NamedTuple):
    """A spec to weigh."""

    number: int
    """The list's number of it."""
    spec: Spec
    in_sight: bool
    """Whether somebody looks at it."""


class PlanQueue:
    """Which spec is weighed next. Shared by the screen, which fills it, and the thread that empties it."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._waiting: dict[int, Spec] = {}
        self._order: deque[int] = deque()
        """Numbers as they came; some of them are not waiting any more."""
        self._in_sight: deque[int] = deque()
        self._closed = False

    def add(self, specs: Mapping[int, Spec]) -> None:
        """More specs by number, or those of which something changed."""
        with self._changed:
            self._order.extend(number for number in specs if number not in self._waiting)
            self._waiting.update(specs)
            self._changed.notify()

    def forget(self, numbers: Iterable[int]) -> None:
        """These specs are gone."""
        with self._changed:
            for number in numbers:
                self._waiting.pop(number, None)

    def look_at(self, numbers: Iterable[int]) -> None:
        """These are in sight now: they come first, and those that were in sight before wait again."""
        with self._changed:
            self._in_sight = deque(numbers)

    def close(self) -> None:
        """Nothing is taken any more; who waits in `take` comes back."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._closed

    def take(self, *, wait: bool) -> Taken | None:
        """The next spec; None when it is closed, or empty and not to be waited for."""
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
        while self._in_sight:
            number = self._in_sight.popleft()
            if number in self._waiting:
                return Taken(number, self._waiting.pop(number), True)
        while self._order:
            number = self._order.popleft()
            if number in self._waiting:
                return Taken(number, self._waiting.pop(number), False)
        return None


def make_plans(
    queue: PlanQueue,
    planner: PromptPlanner,
    cwd: Path,
    post: Callable[[tuple[MadePlan, ...]], object],
) -> None:
    """Weigh what the queue gives until it is closed. Blocks.

    A plan in sight is posted at once, since the next one may hang on a slow disk; others in batches.

    Raises UpsampleError when no plan can be made at all.
    """
    batch: list[MadePlan] = []
    posted = 0.0
    while not queue.closed:
        # With something in hand there is no waiting: it is posted first.
        taken = queue.take(wait=not batch)
        if taken is not None:
            number, spec, _ = taken
            plan = planner.plan_spec(spec)
            unread = plan.video is None and spec.video is not None
            batch.append(MadePlan(number, plan, missing_media_hint(spec, cwd) if unread else None))
        now = taken is None or taken.in_sight or monotonic() - posted > POST_EVERY
        if batch and now:
            post(tuple(batch))
            batch, posted = [], monotonic()
