"""A box whose model is idle is named on the queue page, with the key that gives its GPU back."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from textual.widgets import Static

from backend.box.links.link import Box
from backend.config import BoxSettings, EngineName
from backend.errors import BoxUnusable
from backend.events import BoxStatus, LinkChanged, LinkState
from tests.support.pilots import until
from tests.tui import made_up_jobs
from tests.tui.conftest import opened_queue
from tui.app import UpsampleApp
from tui.queue.giving_back import idle_hint
from tui.widgets.status_text import box_line

MakeApp = Callable[..., UpsampleApp]


def serve_by_vllm(app: UpsampleApp) -> BoxSettings:
    """The box that is used is one with a vLLM."""
    name = app.settings.box
    box = app.settings.boxes["local"].model_copy(update={"engine": EngineName.VLLM})
    app.settings = app.settings.model_copy(update={"boxes": {**app.settings.boxes, name: box}})
    return box


async def test_an_idle_model_is_told_with_its_key_and_given_back(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped: list[tuple[str, bool]] = []

    async def stop_box(box: Box, _asker: object, *, only_idle: bool) -> int:
        stopped.append((box.name, only_idle))
        if len(stopped) == 1:
            raise BoxUnusable("local has work, so its model stays")
        return 0

    monkeypatch.setattr("backend.box.stopping.stop_box", stop_box)
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        box = serve_by_vllm(app)
        clock = made_up_jobs.take_up(app, 1)
        page = await opened_queue(pilot)
        app.hear(LinkChanged("local", LinkState.LIVE, "vllm 0.32.0"))
        app.hear(BoxStatus("local", 1.0, "ready", 0, 0, None, ()))
        app.hear(LinkChanged("local", LinkState.CLOSED, ""))
        live = app.live.boxes["local"]
        assert not idle_hint(live, box, clock.now).plain
        await pilot.press("S")
        assert not stopped
        clock.now += 300
        assert "holds its GPU, idle" in box_line(app.settings, live, clock.now).plain
        page.show_live()
        line = str(page.query_one("#boxes", Static).render())
        assert "S gives the GPU back: its model is idle for 5 min, and unloaded in 10 min" in line
        await pilot.press("S")
        await until(pilot, lambda: len(stopped) == 1)
        assert live.idle_since is not None
        await pilot.press("S")
        await until(pilot, lambda: live.idle_since is None)
        assert stopped == [("local", True)] * 2
        told = [note.message for note in app._notifications]
        assert told[-2:] == [
            "local has work, so its model stays",
            "The GPU of local is given back.",
        ]
