"""Which parts of the specs page stand beside each other, by the width of the window."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from textual.pilot import Pilot

from backend.specs.model import Spec
from tests.support.pilots import until
from tests.tui import made_up_jobs
from tui.app import UpsampleApp
from tui.queue.job_list import QueuePane
from tui.specs.screen import SpecsScreen
from tui.widgets.plain_text import PlainText

MakeApp = Callable[..., UpsampleApp]
Settle = Callable[[Pilot[None]], Awaitable[SpecsScreen]]


def shown(screen: SpecsScreen) -> list[str]:
    """The parts that are shown, from left to right and from top to bottom."""
    below, beside = screen.query(QueuePane).results()
    parts = {
        "list": screen.spec_list,
        "queue below": below,
        "detail": screen.detail,
        "sizes": screen.detail.query_one("#sizes"),
        "sizes beside": screen.query_one("#sizes-of-row"),
        "queue beside": beside,
    }
    there = {name: part.region for name, part in parts.items() if part.region}
    return sorted(there, key=lambda name: (there[name].x, there[name].y))


async def test_the_third_column_comes_with_the_width_and_goes_with_the_detail(
    make_app: MakeApp, settle: Settle, street: tuple[Spec, ...]
) -> None:
    app = make_app(street)
    async with app.run_test(size=(200, 50)) as pilot:
        screen = await settle(pilot)
        below, beside = screen.query(QueuePane).results()
        assert "nothing waits or runs" in str(beside.query_one("#going", PlainText).render())
        made_up_jobs.running(app)
        await until(pilot, lambda: below.has_class("-going"), "the queue is heard of")

        async def has(parts: list[str], width: int, *keys: str) -> None:
            await pilot.resize_terminal(width, 50)
            await pilot.press(*keys)
            await until(pilot, lambda: shown(screen) == parts, f"{parts} at {width}")

        three = ["list", "detail", "sizes beside", "queue beside"]
        two = ["list", "queue below", "detail", "sizes"]
        await has(three, 200)
        await has(three, 180)
        await has(two, 179)
        await has(two, 110)
        await has(["list", "queue below", "detail"], 109)
        await has(["list", "queue below"], 200, "d")
        await has(three, 200, "d")
