"""Keys that come at once, as over a slow line: what the first has closed, the second does not close again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import OptionList

from backend.specs.model import BrokenSpec, Spec
from tests.support.pilots import until
from tui.app import UpsampleApp
from tui.specs.screen import SpecsScreen

MakeApp = Callable[..., UpsampleApp]
Settle = Callable[[Pilot[None]], Awaitable[SpecsScreen]]
Street = tuple[Spec, ...]


def send(pilot: Pilot[None], *keys: str) -> None:
    """All of them before the app has looked at the first."""
    for key in keys:
        pilot.app.post_message(events.Key(key, None))


@pytest.mark.parametrize("opening", ["question_mark", "t", "s", "ctrl+p"])
async def test_a_second_escape_leaves_the_page(
    make_app: MakeApp, settle: Settle, street: Street, opening: str
) -> None:
    app = make_app(street)
    async with app.run_test(size=(80, 24)) as pilot:
        page = await settle(pilot)
        await pilot.press(opening)
        assert app.screen is not page
        send(pilot, "escape", "escape", "escape")
        await until(pilot, lambda: app.screen is page)
        assert app.screen is page


async def test_a_second_enter_in_the_palette_leaves_the_page(
    make_app: MakeApp, settle: Settle, street: Street
) -> None:
    app = make_app(street)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("ctrl+p", "g", "o")
        await until(pilot, lambda: app.screen.query_one(OptionList).option_count > 0)
        await pilot.press("down")
        send(pilot, "enter", "enter", "enter")
        await until(pilot, lambda: len(app.screen_stack) == 1)


async def test_a_page_that_is_asked_for_after_q_does_not_open(
    make_app: MakeApp, settle: Settle, street: Street
) -> None:
    app = make_app(street)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        send(pilot, "q", "2")
        await pilot.pause()
    assert app.current_mode == "specs"


@pytest.mark.parametrize("search", ["", "theme"])
async def test_a_palette_that_is_closed_amid_its_search_takes_nothing_down(
    make_app: MakeApp, settle: Settle, street: Street, search: str
) -> None:
    app = make_app(street)
    async with app.run_test(size=(80, 24)) as pilot:
        page = await settle(pilot)
        for wait in (0, 0.001, 0.005, 0.02, 0.05):
            send(pilot, "ctrl+p", *search)
            await pilot.pause(wait)
            send(pilot, "escape")
            await pilot.pause()
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is page)
        assert app.screen is page


@pytest.mark.parametrize(
    "keys",
    [
        ("question_mark", "j"),
        ("t", "plus", "l", "m"),
        ("e", "j"),
        ("s", "j", "enter"),
        *((str(page), key) for page in (2, 3, 4, 5) for key in ("j", "G", "space", "enter", "x")),
        ("3", "slash", "n", "w", "v", "y"),
        ("4", "g", "e", "f", "A", "n"),
        ("5", "d", "j", "escape", "a", "escape"),
        ("2", "escape", "c", "p", "r", "K", "f", "q"),
    ],
)
async def test_keys_for_a_screen_that_is_not_there_yet_wait_for_it(
    make_app: MakeApp, settle: Settle, street: Street, keys: tuple[str, ...]
) -> None:
    app = make_app((*street, BrokenSpec(Path("city/broken.json"), 3, "no JSON")))
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        send(pilot, *keys)
        await pilot.pause()
    assert app._exception is None


async def test_a_command_for_a_dialog_that_is_gone_does_nothing(
    make_app: MakeApp, settle: Settle, street: Street
) -> None:
    app = make_app(street)
    async with app.run_test(size=(80, 24)) as pilot:
        page = await settle(pilot)
        await pilot.press("s")
        chooser = app.screen
        await pilot.press("escape")
        assert not await app.run_action("dismiss", chooser)
        assert app.screen is page


async def test_keys_amid_the_end_are_nobodys(
    make_app: MakeApp, settle: Settle, street: Street
) -> None:
    app = make_app(street)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        stack, app._screen_stacks["specs"] = app._screen_stacks["specs"], []
        send(pilot, "tab", "q", "escape")
        await asyncio.sleep(0.1)
        app._screen_stacks["specs"] = stack
    assert app._exception is None
