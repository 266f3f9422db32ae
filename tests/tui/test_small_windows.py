"""A window that is far too small shows little, and breaks nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from textual.pilot import Pilot

from backend.specs.model import Spec
from tui.app import UpsampleApp
from tui.dialogs.first_run import FirstRunScreen
from tui.specs.screen import SpecsScreen

MakeApp = Callable[..., UpsampleApp]
Settle = Callable[[Pilot[None]], Awaitable[SpecsScreen]]


@pytest.mark.parametrize("size", [(1, 1), (3, 60), (160, 2)], ids=str)
@pytest.mark.parametrize(
    "opening", ["s", "ctrl+p", "first run", "2", "3", "4", "5", "question_mark"]
)
async def test_lists_may_be_asked_for_and_walked_through(
    make_app: MakeApp,
    settle: Settle,
    street: tuple[Spec, ...],
    opening: str,
    size: tuple[int, int],
) -> None:
    app = make_app(street)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.resize_terminal(*size)
        if opening == "first run":
            app.push_screen(FirstRunScreen())
        else:
            await pilot.press(opening)
        await pilot.press("pagedown", "pageup", "down", "end")
        await pilot.resize_terminal(80, 24)
        assert app.is_running
