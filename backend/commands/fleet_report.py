"""What a run without the app says of several boxes that share a batch: what each does, and has done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from backend.console import safe
from backend.events import Event, JobDone, JobTaken
from backend.store import Job, State


class FleetReport:
    """Counts what each box of a fleet does. For one box, it has nothing to say."""

    def __init__(self) -> None:
        self._does: dict[str, str] = {}
        """By box: what it does, in words."""
        self._taken_by: dict[int, str] = {}
        """By job: the box that has taken it."""
        self._done: Counter[str] = Counter()
        """By box: how many jobs it has done in this run."""

    def expect(self, jobs: Iterable[Job], boxes: Sequence[str]) -> None:
        """Begin with the jobs of the run and the names of its boxes."""
        self._does = dict.fromkeys(boxes, "") if len(boxes) > 1 else {}
        self._taken_by = {job.number: job.box for job in jobs} if self._does else {}

    def hear(self, event: Event) -> None:
        """Note which box takes a job, and which has done one."""
        match event:
            case JobTaken():
                self._taken_by[event.job] = event.box
            case JobDone() if event.job in self._taken_by:
                self._done[self._taken_by[event.job]] += 1

    def describe(self, box: str, what: str) -> str:
        """Return what all boxes do, once this one does that; empty for one box."""
        if box not in self._does:
            return ""
        self._does[box] = what
        return " │ ".join(f"{name} · {words}" for name, words in self._does.items() if words)

    def progress(self, status: Mapping[str, Sequence[str]]) -> list[str]:
        """Return what each box has done, with these words on how it does; empty for one box."""
        return [
            " ".join([f"{safe(box)} {self._done[box]} done", *status.get(box, [])])
            for box in self._does
        ]


def count_alike(jobs: Iterable[Job]) -> list[tuple[Job, int]]:
    """Return one job of each state, box and fleet, and how many are like it. Goes through the jobs once: a
    batch of 100,000 is read from the queue.
    """
    counts: dict[tuple[State, str, str], tuple[Job, int]] = {}
    for job in jobs:
        alike = job.state, job.box, job.fleet
        first, count = counts.get(alike, (job, 0))
        counts[alike] = first, count + 1
    return list(counts.values())


def reassign_words(left: Iterable[tuple[Job, int]], boxes: Sequence[str]) -> str:
    """Return how to give away what one of these boxes has of the jobs that are left; empty for one box."""
    of_boxes: Counter[str] = Counter()
    for job, count in left:
        if not job.is_untaken:
            of_boxes[job.box] += count
    if len(boxes) < 2 or not of_boxes:
        return ""
    box = of_boxes.most_common(1)[0][0]
    other = next(name for name in boxes if name != box)
    return (
        f"Should {safe(box)} not come back, `upsample queue reassign --from {safe(box)} --box {safe(other)}` "
        f"gives what it has to {safe(other)}."
    )


def done_by_box(counts: Iterable[tuple[Job, int]]) -> str:
    """Return how many of these jobs each box has done, in words; empty where they are no fleet's."""
    done: Counter[str] = Counter()
    is_of_fleet = False
    for job, count in counts:
        is_of_fleet = is_of_fleet or bool(job.fleet)
        if job.state is State.DONE:
            done[job.box] += count
    if not is_of_fleet:
        return ""
    return ", ".join(f"{safe(box)} {count}" for box, count in sorted(done.items()))
