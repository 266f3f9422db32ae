"""Workers of the event loop leave nothing behind, also those that do not get to begin."""

from __future__ import annotations

import gc
import warnings

from textual.app import App

from tui.shell.work import start_work


async def test_a_worker_that_is_cancelled_before_it_begins_leaves_no_coroutine() -> None:
    begun: list[str] = []

    async def work(name: str) -> None:
        begun.append(name)

    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        async with App[None]().run_test() as pilot:
            start_work(pilot.app, lambda: work("cancelled")).cancel()
            start_work(pilot.app, lambda: work("replaced"), "looks")
            await start_work(pilot.app, lambda: work("replaces"), "looks", exclusive=True).wait()
        gc.collect()
    assert begun == ["replaces"]
    assert [str(warning.message) for warning in warned] == []
