"""An error of the program's own, behind a page."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from backend.dispatch.runs.runner import QueueRunner
from tests.support.pilots import until
from tui.app import UpsampleApp

MakeApp = Callable[..., UpsampleApp]


async def break_down(_: QueueRunner) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(cannot_import())


async def cannot_import() -> None:
    raise ImportError("no VideoStream in [/x]")


async def test_a_queue_that_breaks_down_says_so_and_leaves_the_app_as_it_is(
    make_app: MakeApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QueueRunner, "run", break_down)
    app = make_app()
    app.desk = replace(app.desk, queue=tmp_path / "queue.db")
    async with app.run_test(size=(100, 24)) as pilot:
        await until(pilot, lambda: bool(app._notifications))
        assert "ImportError: no VideoStream in [/x]" in next(iter(app._notifications)).message
        assert "open upsample again" in app.queue_trouble
        assert app.runner is None
        logged = [line.text for line in app.recorder.book.lines]
        assert any("test_defects.py" in text for text in logged)
        await pilot.press("2")
        assert app.current_mode == "queue"
