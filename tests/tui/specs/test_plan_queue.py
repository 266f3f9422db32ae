"""Which spec is weighed next, and in which batches the plans come."""

from __future__ import annotations

from threading import Thread

from backend.specs.model import Spec
from tests.support.pilots import PATIENCE
from tui.specs.planning import MadePlan, PlanQueue, PromptPlanner, make_plans


def taken(queue: PlanQueue) -> list[int]:
    numbers = []
    while (item := queue.take(wait=False)) is not None:
        numbers.append(item.number)
    return numbers


def test_what_is_in_sight_comes_first_then_the_rest_in_order(street: tuple[Spec, ...]) -> None:
    queue = PlanQueue()
    queue.add(dict(enumerate(street[:6])))
    queue.look_at([3, 4])
    assert taken(queue) == [3, 4, 0, 1, 2, 5]


def test_scrolling_on_puts_what_was_in_sight_back(street: tuple[Spec, ...]) -> None:
    queue = PlanQueue()
    queue.add(dict(enumerate(street[:6])))
    queue.look_at([2, 3])
    queue.take(wait=False)
    queue.look_at([5])
    assert taken(queue) == [5, 0, 1, 3, 4]


def test_rows_that_are_not_there_yet_are_no_trouble(street: tuple[Spec, ...]) -> None:
    queue = PlanQueue()
    queue.look_at([0, 1])
    assert taken(queue) == []
    queue.add(dict(enumerate(street[:2])))
    assert taken(queue) == [0, 1]


def test_closing_wakes_the_thread_that_waits() -> None:
    queue = PlanQueue()
    waiting = Thread(target=queue.take, kwargs={"wait": True})
    waiting.start()
    queue.close()
    waiting.join(timeout=PATIENCE)
    assert not waiting.is_alive()


def test_every_spec_gets_one_plan(street: tuple[Spec, ...], planner: PromptPlanner) -> None:
    queue, made = PlanQueue(), list[MadePlan]()
    queue.add(dict(enumerate(street)))

    def post(plans: tuple[MadePlan, ...]) -> None:
        made.extend(plans)
        if len(made) == len(street):
            queue.close()

    make_plans(queue, planner, post)
    assert [plan.number for plan in made] == list(range(len(street)))


def test_a_plan_in_sight_does_not_wait_for_the_next(
    street: tuple[Spec, ...], planner: PromptPlanner
) -> None:
    queue, batches = PlanQueue(), list[list[int]]()
    queue.add(dict(enumerate(street)))
    queue.look_at([4, 5, 6])

    def post(plans: tuple[MadePlan, ...]) -> None:
        batches.append([plan.number for plan in plans])
        if len(batches) == 3:
            queue.close()

    make_plans(queue, planner, post)
    assert batches == [[4], [5], [6]]
