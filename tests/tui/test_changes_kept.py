"""What the user has asked for is kept: until it is on the disk the app does not end, and marks stay."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from backend.box.asker import UnattendedAsker
from backend.config import Ahead
from backend.dispatch.runs.runner import QueueRunner
from backend.errors import QueueError
from backend.specs.model import Spec
from backend.store import Job, Order, Store
from tests.support.made_up_results import fill_review
from tests.support.pilots import until
from tui.app import UpsampleApp
from tui.review.screen import ReviewPage
from tui.send.dialog import UpsampleDialog
from tui.send.draft import Chosen
from tui.shell.desk import Desk
from tui.specs.scanning import SpecSource
from tui.specs.screen import SpecsScreen

MakeApp = Callable[..., UpsampleApp]
Settle = Callable[[Pilot[None]], Awaitable[SpecsScreen]]


class FullQueue(QueueRunner):
    """Takes nothing."""

    async def queue(self, orders: Sequence[Order], ahead: Ahead | None = None) -> list[Job]:
        raise QueueError("the disk is full")


async def test_decisions_are_made_before_the_app_ends(
    make_desk: Callable[..., Desk], planner: object, tmp_path: Path
) -> None:
    queue = tmp_path / "queue.db"
    fill_review(queue, tmp_path)
    with closing(Store(queue)) as store:
        before = list(store.decisions().values())
    desk = make_desk(SpecSource((), tmp_path, list), planner)
    app = UpsampleApp(replace(desk, queue=queue))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("4")
        page = app.screen
        assert isinstance(page, ReviewPage)
        assert page.review_workers is not None
        await until(pilot, lambda: page.listing.is_loaded)
        # They wait for their turn, as they do for a slow disk.
        await page.review_workers.in_order.acquire()
        await pilot.press("y", "y")
        asyncio.get_running_loop().call_later(0.5, page.review_workers.in_order.release)
        await pilot.press("q")
        await until(pilot, lambda: not app.is_running)
    with closing(Store(queue)) as store:
        made = [each for each in store.decisions().values() if each not in before]
    assert len(made) == 2


async def test_marks_stay_when_nothing_could_be_queued(
    make_app: MakeApp, settle: Settle, street: tuple[Spec, ...], tmp_path: Path
) -> None:
    app = make_app(street)
    async with app.run_test(size=(80, 24)) as pilot:
        with closing(Store(tmp_path / "queue.db")) as store:
            app.store = store
            app.runner = FullQueue(store, lambda: app.settings, UnattendedAsker(), app.hear)
            app.desk = replace(app.desk, save_dir=tmp_path / "out")
            screen = await settle(pilot)
            await pilot.press("space", "space", "u")
            dialog = app.screen
            assert isinstance(dialog, UpsampleDialog)
            await until(pilot, lambda: dialog.summary is not None)
            await pilot.press("enter")
            await until(pilot, lambda: bool(app._notifications))
            assert "the disk is full" in next(iter(app._notifications)).message
            assert len(screen.listing.marked) == 2


async def test_a_sum_that_breaks_down_is_told_and_the_app_stays(
    make_app: MakeApp,
    settle: Settle,
    street: tuple[Spec, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(chosen: Sequence[Chosen], *_: object) -> None:
        raise ZeroDivisionError("of tokens")

    monkeypatch.setattr("tui.send.dialog.weigh", broken)
    app = make_app(street)
    async with app.run_test(size=(80, 24)) as pilot:
        with closing(Store(tmp_path / "queue.db")) as store:
            app.store = store
            app.runner = FullQueue(store, lambda: app.settings, UnattendedAsker(), app.hear)
            screen = await settle(pilot)
            await pilot.press("space", "u")
            await until(pilot, lambda: bool(app._notifications))
            assert "ZeroDivisionError: of tokens" in next(iter(app._notifications)).message
            await pilot.press("escape")
            assert app.screen is screen
