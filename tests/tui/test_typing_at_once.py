"""What is typed right after the key that opens a line, as over a slow line, is typed into it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from textual import events
from textual.pilot import Pilot

from backend.specs.model import Spec
from tests.support.made_up_results import fill_review
from tests.support.pilots import until
from tui.app import UpsampleApp
from tui.log.screen import LogPage
from tui.review.screen import ReviewPage
from tui.shell.desk import Desk
from tui.specs.scanning import SpecSource
from tui.specs.screen import SpecsScreen

MakeApp = Callable[..., UpsampleApp]
Settle = Callable[[Pilot[None]], Awaitable[SpecsScreen]]


def send(pilot: Pilot[None], *keys: str) -> None:
    """All of them before the app has looked at the first."""
    for key in keys:
        pilot.app.post_message(events.Key(key, key if len(key) == 1 else None))


@pytest.mark.parametrize("word", ["aviAUg", "q", "1", "2l", ",?su"])
async def test_on_the_specs_page(
    make_app: MakeApp, settle: Settle, street: tuple[Spec, ...], word: str
) -> None:
    app = make_app(street)
    async with app.run_test(size=(120, 40)) as pilot:
        page = await settle(pilot)
        send(pilot, "slash", *word)
        await until(pilot, lambda: page.filter_input.value == word)
        assert app.screen is page
        assert not page.listing.marked


async def test_enter_comes_after_what_was_typed_before_it(
    make_app: MakeApp, settle: Settle, street: tuple[Spec, ...]
) -> None:
    app = make_app(street)
    async with app.run_test(size=(120, 40)) as pilot:
        page = await settle(pilot)
        send(pilot, "slash", *"fog", "enter")
        await until(pilot, lambda: page.spec_list.has_focus)
        assert page.filter_input.value == "fog"
        assert not page.has_class("-filtering")


@pytest.mark.parametrize("word", ["xyUgAe", "q", "3"])
async def test_on_the_review_page(
    make_desk: Callable[..., Desk], planner: object, tmp_path: Path, word: str
) -> None:
    fill_review(tmp_path / "queue.db", tmp_path)
    desk = make_desk(SpecSource((), tmp_path, list), planner)
    app = UpsampleApp(replace(desk, queue=tmp_path / "queue.db"))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("4")
        page = app.screen
        assert isinstance(page, ReviewPage)
        listing = page.listing
        await until(pilot, lambda: listing.is_loaded)
        before = [prompt.decision for prompt in listing.prompts]
        send(pilot, "slash", *word)
        await until(pilot, lambda: page.filter_input.value == word)
        assert app.screen is page
        assert [prompt.decision for prompt in listing.prompts] == before


@pytest.mark.parametrize("word", ["nNwvybj", "q", "4"])
async def test_on_the_log_page(make_app: MakeApp, word: str) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("3")
        page = app.screen
        assert isinstance(page, LogPage)
        send(pilot, "slash", *word)
        await until(pilot, lambda: page.prompt.value == word)
        assert app.screen is page


async def test_tab_leaves_no_line_half_open(
    make_app: MakeApp, settle: Settle, street: tuple[Spec, ...]
) -> None:
    app = make_app(street)
    async with app.run_test(size=(120, 40)) as pilot:
        page = await settle(pilot)
        await pilot.press("slash", *"fog", "tab")
        await until(pilot, lambda: page.spec_list.has_focus)
        assert not page.has_class("-filtering")
        await pilot.press("3")
        log = app.screen
        assert isinstance(log, LogPage)
        await pilot.press("slash", "a", "tab", "n")
        await until(pilot, lambda: log.prompt.value == "an")
