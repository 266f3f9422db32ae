"""A box that gets more slots at work is sent more jobs ahead, and one that loses some is sent fewer."""

from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path

import pytest

from backend.box.links import reconnect
from backend.dispatch.sending.courier import SENT_AHEAD
from backend.events import BoxStatus
from backend.store import Store
from remote.protocol import Submit
from tests.support.near_box import NearBox, serving_near
from tests.support.near_laptop import NearLaptop
from tests.support.waiting import until


def sent(box: NearBox) -> int:
    return sum(isinstance(message, Submit) for message in box.sent)


async def test_as_many_jobs_are_sent_ahead_as_the_newest_slots_need(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(Store(tmp_path / "queue.db")) as store:
        laptop = NearLaptop(tmp_path, store)
        jobs = laptop.queue(*(f"scene {number:02}" for number in range(20)))
        async with serving_near(tmp_path / "box", 1) as box:
            monkeypatch.setattr(reconnect, "open_link", box.open_link)
            async with laptop.running(jobs):
                await until(lambda: sent(box) == 1 + SENT_AHEAD)
                box.set_slots(6)
                await until(lambda: sent(box) == 6 + SENT_AHEAD)
                await until(lambda: len(box.engine.running) == 6)
                box.set_slots(2)
                await until(lambda: len(laptop.of_kind(BoxStatus)) == 2)
                box.engine.let(*box.engine.running[:5])
                # Five have ended, and three are left there: one more is sent, where it would be five.
                await until(lambda: sent(box) == 9)
                await asyncio.sleep(0.1)
                assert sent(box) == 9
                assert len(box.engine.running) == 2
                box.engine.let()
    assert [event.slots for event in laptop.events if isinstance(event, BoxStatus)] == [6, 2]
