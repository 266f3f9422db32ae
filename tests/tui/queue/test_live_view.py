"""The text of a job as it is written: its end is followed, unless somebody reads further up."""

from __future__ import annotations

from collections.abc import Callable

from textual import events
from textual.pilot import Pilot

from backend.events import JobStarted, TextWritten
from tests.support.pilots import until
from tests.tui import made_up_jobs
from tui.app import UpsampleApp
from tui.queue.live_view import LiveView
from tui.queue.screen import QueuePage

MakeApp = Callable[..., UpsampleApp]
WORDS = "many words " * 200


async def open_view(pilot: Pilot[None], app: UpsampleApp) -> LiveView:
    """With a text that is longer than the view, and the focus on it."""
    made_up_jobs.take_up(app, 1)
    app.hear(JobStarted(1, "x", 1))
    app.hear(TextWritten(1, 0, WORDS))
    await pilot.press("2")
    page = app.screen
    assert isinstance(page, QueuePage)
    await until(pilot, lambda: page.live_view.answer.max_scroll_y > 0)
    await pilot.press("enter")
    await until(pilot, lambda: page.live_view.answer.has_focus)
    return page.live_view


async def test_the_way_to_the_end_of_a_text_that_grows_meanwhile_ends_there(
    make_app: MakeApp,
) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        view = await open_view(pilot, app)
        await pilot.press("g")
        await until(pilot, lambda: view.answer.scroll_y == 0)
        # Not pressed by the pilot, which waits for animations.
        app.post_message(events.Key("G", "G"))
        for piece in range(1, 6):
            app.hear(TextWritten(1, piece * len(WORDS), WORDS))
            await pilot.pause(0.1)
        await until(pilot, lambda: view.answer.is_vertical_scroll_end)
        assert not view.answer.border_subtitle


async def test_who_reads_further_up_is_left_there(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        view = await open_view(pilot, app)
        await pilot.press("g")
        await until(pilot, lambda: view.answer.scroll_y == 0)
        before = view.answer.max_scroll_y
        app.hear(TextWritten(1, len(WORDS), WORDS))
        await until(pilot, lambda: view.answer.max_scroll_y > before)
        assert view.answer.scroll_y == 0
        assert str(view.answer.border_subtitle) == "held: G follows"
