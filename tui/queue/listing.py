"""The list of jobs: their order, marks, and cursor. No widgets.

Jobs that need attention come first: running, on their way, failed. Then come those that wait, in the order
in which they will be sent, and then those that have ended, the newest first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from backend.planning.pace import together
from backend.store import State
from tui.queue.job_states import is_starting, waits_for_model
from tui.state.live import Live, LiveJob

_RANKS = {
    State.RUNNING: 0,
    State.SENT: 1,
    State.FAILED: 3,
    State.PREPARING: 4,
    State.QUEUED: 4,
    State.PAUSED: 4,
    State.DONE: 5,
    State.CANCELLED: 6,
}


class JobListing:
    """The jobs that a list shows, its marks and its cursor. Only the app's thread touches it."""

    def __init__(self, live: Live, *, only_going: bool = False) -> None:
        """`only_going` leaves out jobs that have ended."""
        self.live = live
        self.shown: list[int] = []
        """Numbers of the jobs, in the order of the list."""
        self.marked: set[int] = set()
        self.position = 0
        """The position of the current job; 0 when the list is empty."""
        self.follows = True
        """Whether the cursor goes to a job that runs, until the user moves it."""
        self._only_going = only_going
        self._version = -1

    def refresh(self) -> bool:
        """Take over changes of `live`; return whether the order changed. The cursor keeps its job."""
        if self._version == self.live.order_version:
            return False
        self._version = self.live.order_version
        current = self.number
        self.shown = [
            job.job.number for job in sorted(self.live.jobs.values(), key=_place) if self._has(job)
        ]
        self.marked &= self.live.jobs.keys()
        if self.follows and not self._is_running(current):
            self.position = 0
        elif current in self.live.jobs:
            self.position = self.shown.index(current) if current in self.shown else self.position
        self.move_to(self.position)
        return True

    @property
    def number(self) -> int:
        """The number of the current job; 0 when there is none."""
        return self.shown[self.position] if self.position < len(self.shown) else 0

    @property
    def current(self) -> LiveJob | None:
        """The job that the cursor is on."""
        return self.live.jobs.get(self.number)

    @property
    def chosen(self) -> list[LiveJob]:
        """The jobs that a key acts on: the marked ones, or the current one when none is marked."""
        numbers = [n for n in self.shown if n in self.marked] if self.marked else [self.number]
        return [self.live.jobs[number] for number in numbers if number in self.live.jobs]

    def move_to(self, position: int) -> None:
        """Put the cursor there, or at the nearest end."""
        self.position = max(0, min(position, len(self.shown) - 1))

    def toggle_mark(self) -> None:
        """Mark the current job, or remove its mark."""
        if self.shown:
            self.marked ^= {self.number}

    def toggle_all(self) -> None:
        """Mark all jobs; if all are marked, remove the marks."""
        self.marked = set() if self.marked >= set(self.shown) else set(self.shown)

    def invert(self) -> None:
        """Swap marked and unmarked."""
        self.marked = set(self.shown) - self.marked

    def unmark(self) -> None:
        """Remove all marks."""
        self.marked.clear()

    def _has(self, job: LiveJob) -> bool:
        return not (self._only_going and job.state.ended)

    def _is_running(self, number: int) -> bool:
        job = self.live.jobs.get(number)
        return job is not None and job.state is State.RUNNING


def _place(job: LiveJob) -> tuple[int, float, int]:
    rank = _RANKS[job.state]
    if job.state.ended:
        return rank, -(job.ended or 0.0), -job.job.number
    return rank, job.began or 0.0 if job.state is State.RUNNING else job.job.place, job.job.number


def count_states(jobs: Iterable[LiveJob]) -> Counter[State]:
    """Return how many jobs are in which state."""
    return Counter(job.state for job in jobs)


def count_without_model(live: Live) -> int:
    """Return how many jobs the boxes have begun with whose model is not there."""
    if not any(is_starting(box) for box in live.boxes.values()):
        return 0
    return sum(waits_for_model(job, live.boxes.get(job.job.box)) for job in live.jobs.values())


def seconds_left(live: Live) -> float | None:
    """Estimate the seconds until all jobs that are not paused are done, by what each box took with its engine
    in this session; None when there is nothing to go by.
    """
    left, running, is_shared = Counter[str](), Counter[str](), False
    for job in live.jobs.values():
        if job.state in _GO_ON:
            left[job.job.box] += 1
            running[job.job.box] += job.state is State.RUNNING
            is_shared = is_shared or job.job.is_untaken
    if not left.keys() <= live.boxes.keys():
        return None  # nothing was heard of a box yet
    paces = {name: live.boxes[name].pace(max(1, running[name])) for name in left}
    if is_shared:
        return together(paces.values()).seconds_for(left.total())
    seconds = [paces[name].seconds_for(left[name]) for name in left]
    known = [each for each in seconds if each is not None]
    return max(known) if known and len(known) == len(seconds) else None


_GO_ON = frozenset({State.QUEUED, State.PREPARING, State.SENT, State.RUNNING})


def total_rate(live: Live) -> float:
    """Return the tokens a second of all running jobs together."""
    now = live.clock()
    rates = (j.rate(now) for j in live.jobs.values() if j.state is State.RUNNING)
    return sum(rate for rate in rates if rate is not None)
