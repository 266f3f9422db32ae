"""The boxes of a fleet share a batch so that all of them end at about the same time."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from backend.planning.sharing import TAKEN_AHEAD, BoxLoad, may_take


@dataclass
class SimulatedBox:
    """A box that takes what it may, and writes each answer in the same time."""

    slots: int
    seconds: float
    joins: float = 0.0
    """When it is there."""
    taken: int = 0
    running: int = 0
    waiting: int = 0
    is_known: bool = False
    """Whether an answer of it has come."""

    @property
    def load(self) -> BoxLoad:
        seconds = self.seconds if self.is_known else None
        return BoxLoad(self.slots, self.running + self.waiting, seconds)


def simulate(boxes: Sequence[SimulatedBox], jobs: int) -> float:
    """Do these jobs; returns how long that takes."""
    untaken, now, order = jobs, 0.0, itertools.count()
    events = [(box.joins, next(order), box, False) for box in boxes]
    heapq.heapify(events)
    while events:
        now, _, box, has_ended = heapq.heappop(events)
        if has_ended:
            box.running -= 1
            box.is_known = True
        has_taken = True
        while has_taken:
            has_taken = False
            for each in (it for it in boxes if it.joins <= now and untaken):
                others = [it.load for it in boxes if it is not each and it.joins <= now]
                if may_take(each.load, others, untaken):
                    untaken, each.waiting, has_taken = untaken - 1, each.waiting + 1, True
                    each.taken += 1
            for each in boxes:
                while each.waiting and each.running < each.slots:
                    each.waiting, each.running = each.waiting - 1, each.running + 1
                    heapq.heappush(events, (now + each.seconds, next(order), each, True))
    assert untaken == 0
    return now


@pytest.mark.parametrize(
    ("first", "second"),
    [((4, 1.0), (4, 3.0)), ((8, 1.0), (2, 1.0)), ((1, 1.0), (1, 4.0)), ((16, 2.0), (4, 9.0))],
)
def test_two_boxes_of_different_pace_end_together(
    first: tuple[int, float], second: tuple[int, float]
) -> None:
    boxes = [SimulatedBox(*first), SimulatedBox(*second)]
    seconds = simulate(boxes, 240)
    assert seconds <= 1.1 * 240 / sum(box.slots / box.seconds for box in boxes)


def test_three_boxes_end_together_when_one_comes_late() -> None:
    boxes = [SimulatedBox(4, 1.0), SimulatedBox(4, 2.0), SimulatedBox(8, 1.0, joins=20.0)]
    seconds = simulate(boxes, 400)
    before = 20 * (4 + 2)
    assert seconds <= 1.1 * (20 + (400 - before) / (4 + 2 + 8))


def test_a_batch_that_all_slots_could_take_at_once_is_shared_by_slots() -> None:
    boxes = [SimulatedBox(256, 5.0), SimulatedBox(128, 5.0)]
    simulate(boxes, 120)
    assert [box.taken for box in boxes] == [80, 40]


def test_the_last_job_is_left_to_the_box_that_does_it_sooner() -> None:
    fast, slow = BoxLoad(1, 1, 1.0), BoxLoad(1, 0, 60.0)
    assert not may_take(slow, [fast], untaken=1)
    assert may_take(fast, [slow], untaken=1)
    assert may_take(slow, [fast], untaken=100)


def test_a_box_alone_takes_what_keeps_it_busy() -> None:
    assert may_take(BoxLoad(4, 4 + TAKEN_AHEAD - 1, None), [], untaken=100)
    assert not may_take(BoxLoad(4, 4 + TAKEN_AHEAD, None), [], untaken=100)
    assert may_take(BoxLoad(1, 0, 60.0), [], untaken=1)
