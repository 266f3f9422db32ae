"""Several apps hand their batches over to one real daemon, which gives each of them fair turns."""

from __future__ import annotations

from dataclasses import replace

from remote.protocol import Accepted, Arrange, Ask, Finished, Started, Submit
from tests.remote.attached import App, Box, ask, ask_slowly


def of_queue(app: str, *jobs: Submit) -> list[Submit]:
    return [replace(job, app=app) for job in jobs]


async def heard(app: App, kind: type[Accepted | Started | Finished], jobs: list[Submit]) -> None:
    """Return when the app has heard such a message of each of these jobs, in whichever order."""
    left = {job.job for job in jobs} - {m.job for m in app.heard if isinstance(m, kind)}
    while left:
        left.discard((await app.until(kind)).job)


async def hand_over(app: App, jobs: list[Submit]) -> None:
    """Send these jobs, and return when the box has them all."""
    await app.send(*jobs)
    await heard(app, Accepted, jobs)


async def test_three_jobs_are_not_the_last_although_another_app_brought_two_hundred_before(
    box: Box,
) -> None:
    slow = of_queue("x", *(ask_slowly(f"slow {n}", looks=8) for n in range(4)))
    many = of_queue("x", *(ask(f"scene {n}") for n in range(200)))
    few = of_queue("y", *(ask(f"portrait {n}") for n in range(3)))
    async with box.visited() as one, box.visited() as two:
        await hand_over(one, slow)
        await heard(one, Started, slow)  # all slots are taken
        await hand_over(one, many)
        await hand_over(two, few)
        await heard(two, Finished, few)
        await heard(one, Finished, many)
    started = box.records("started")
    places = [started.index(job.job) for job in few]
    assert places[-1] - places[0] == 4
    assert places[-1] < len(started) - 20


async def test_the_order_of_a_handed_over_batch_is_changed_and_outlives_a_killed_daemon(
    box: Box,
) -> None:
    slow = of_queue("x", *(ask_slowly(f"slow {n}", looks=8) for n in range(4)))
    batch = of_queue("x", *(ask(f"scene {n}") for n in range(6)))
    other = of_queue("y", *(ask(f"portrait {n}") for n in range(2)))
    async with box.visited() as one, box.visited() as two:
        await hand_over(one, slow)
        await heard(one, Started, slow)
        await hand_over(one, batch)
        await hand_over(two, other)
        await one.send(Arrange(tuple(job.job for job in reversed([*batch, *other]))))
        await hand_over(one, of_queue("x", ask("the last")))
        box.kill()
    async with box.visited() as app:
        await app.send(Ask(tuple(job.job for job in (*batch, *other))))
        await heard(app, Finished, [*batch, *other])
    begun = [job for job in box.records("started") if job not in [it.job for it in slow]]
    ours = [job.job for job in batch]
    assert [job for job in begun if job in ours] == ours[::-1]
    assert begun.index(other[1].job) < begun.index(other[0].job) < begun.index(ours[2])
