"""The app announces the end of a batch while the user looks elsewhere, and gives the title back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from textual import events

from backend.config import Settings
from backend.events import JobDone, JobSent, LinkChanged, LinkState
from tests.support.pilots import until
from tui.app import UpsampleApp
from tui.shell.desk import Desk
from tui.specs.scanning import SpecSource

BATCH = (
    JobSent(1, "dusk"),
    JobDone(1, "dusk", "Warm dusk.", "stop", "vllm", 1.0, None, None),
    LinkChanged("local", LinkState.CLOSED, ""),
)


@pytest.fixture
def app(
    make_desk: Callable[..., Desk], planner: object, tmp_path: Path, settings: Settings
) -> UpsampleApp:
    app = UpsampleApp(make_desk(SpecSource((), tmp_path, list), planner))
    announce = settings.announce.model_copy(update={"after": 0.0})
    app.settings = settings.model_copy(update={"announce": announce})
    return app


async def test_the_end_of_a_batch_is_announced_while_the_user_looks_elsewhere(
    app: UpsampleApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    monkeypatch.setattr(UpsampleApp, "_write", lambda _, sequence: written.append(sequence))
    async with app.run_test() as pilot:
        app.post_message(events.AppFocus())
        await pilot.pause()
        for event in BATCH:
            app.hear(event)
        await pilot.pause()
        assert written == []
        app.post_message(events.AppBlur())
        await pilot.pause()
        for event in BATCH:
            app.hear(event)
        await until(pilot, lambda: len(written) == 3, "it is announced")
        assert "]2;Over: 1 done · upsample" in written[1]
        assert "]9;upsample: Over: 1 done" in written[2]
        app.post_message(events.AppFocus())
        await until(pilot, lambda: written[-1] == "\x1b[23;2t", "the title is given back")
