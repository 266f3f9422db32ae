"""`o` on the queue page gives jobs to another box, by the same rules as `queue reassign`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from backend.config import EngineName, Settings
from backend.store import State
from tests.support.pilots import until, until_screen
from tests.tui import made_up_jobs
from tests.tui.conftest import opened_queue
from tests.tui.looks import MEDIUM
from tests.tui.made_up_jobs import made_job
from tests.tui.queue.test_queue_page import notes, real_queue
from tui.app import UpsampleApp
from tui.queue.reassign_dialog import ReassignDialog, boxes_by_likeness
from tui.specs.screen import SpecsScreen

MakeApp = Callable[..., UpsampleApp]
Settle = Callable[[Pilot[None]], Awaitable[SpecsScreen]]
SnapCompare = Callable[..., bool]


def with_boxes(settings: Settings, **models: str) -> Settings:
    """The settings with boxes that have these models, and `nowhere`, which has none."""
    local = settings.boxes["local"]
    boxes = {
        name: local.model_copy(update={"engine": EngineName.OPENAI, "model": model})
        for name, model in models.items()
    }
    return settings.model_copy(update={"boxes": {**boxes, "nowhere": local}})


def text_of(dialog: ReassignDialog) -> str:
    return str(dialog.query_one("#told", Static).render())


def test_boxes_that_answer_alike_come_first(make_app: MakeApp) -> None:
    settings = with_boxes(make_app().settings, b="pixtral", a="qwen", c="pixtral")
    assert boxes_by_likeness(settings, [made_job(1, box="b")]) == ["c", "a", "nowhere"]
    assert boxes_by_likeness(settings, [made_job(1, box="gone")]) == ["a", "b", "c", "nowhere"]
    both = [made_job(1, box="b"), made_job(2, box="c")]
    assert boxes_by_likeness(settings, both) == ["b", "c", "a", "nowhere"]


async def test_jobs_are_given_to_a_box_that_is_alike_and_to_another_one_only_as_mixed(
    make_app: MakeApp, tmp_path: Path
) -> None:
    app = make_app()
    local = app.settings.boxes["local"]
    other = local.model_copy(update={"engine": EngineName.OPENAI})
    async with app.run_test(size=(120, 40)) as pilot, real_queue(app, tmp_path, 4) as store:
        boxes = {"local": local, "nowhere": local, "zebra": other}
        app.settings = app.settings.model_copy(update={"boxes": boxes})
        await opened_queue(pilot)
        dialog = await _opened(pilot)
        assert "may be done twice. The first answer counts" in text_of(dialog)
        assert not dialog.query_one("#mixed-row").display
        await pilot.press("enter")
        await until(pilot, lambda: store.jobs([1])[0].box == "local")
        await until(pilot, lambda: app.live.jobs[1].job.box == "local")
        dialog = await _opened(pilot, "j")
        await pilot.press("up", "right")  # all three that nowhere has
        await pilot.press("down", "right")  # to the zebra
        assert "nowhere and zebra would answer differently" in text_of(dialog)
        await pilot.press("enter")
        await until(pilot, lambda: "It would answer differently" in notes(app)[-1])
        await pilot.press("down", "right", "enter")
        await until(pilot, lambda: {job.box for job in store.jobs([2, 3, 4])} == {"zebra"})
        assert {job.state for job in store.jobs()} == {State.QUEUED}


@pytest.mark.looks
@pytest.mark.parametrize("size", [(80, 24), MEDIUM], ids=("small", "medium"))
@pytest.mark.parametrize("is_alike", [True, False], ids=("alike", "other"))
def test_the_dialog_that_gives_jobs_away(
    size: tuple[int, int],
    is_alike: bool,
    snap_compare: SnapCompare,
    make_app: MakeApp,
    settle: Settle,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    app = make_app()

    async def run(pilot: Pilot[None]) -> None:
        await settle(pilot)
        made_up_jobs.running(app)
        await opened_queue(pilot)
        settings = with_boxes(app.settings, near="pixtral", next_to_it="pixtral", far="qwen")
        jobs = [made_job(number, box="near") for number in range(1, 5)]
        app.push_screen(ReassignDialog(settings, jobs[:2], jobs))
        dialog = await until_screen(pilot, ReassignDialog)
        await pilot.press(*[] if is_alike else ["right"])
        await until(pilot, lambda: dialog.query_one("#mixed-row").display is not is_alike)

    assert snap_compare(app, terminal_size=size, run_before=run)


async def _opened(pilot: Pilot[None], *keys: str) -> ReassignDialog:
    await pilot.press(*keys, "o")
    return await until_screen(pilot, ReassignDialog)
