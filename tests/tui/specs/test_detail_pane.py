"""The detail of a spec with its pictures, and the token panel, driven by keys."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from backend.config import Settings
from backend.sizes import Size
from backend.tokens import TextCounter
from tests.support.pilots import until, until_screen
from tests.tui.specs.detail_apps import (
    COFFEE,
    colourful,
    draw_clips,
    make_detail_app,
    make_specs,
    settle_pictures,
    until_counted,
)
from tui.app import UpsampleApp
from tui.specs.screen import SpecsScreen
from tui.tokens.screen import TokensScreen

Settle = Callable[[Pilot[None]], Awaitable[SpecsScreen]]


@pytest.fixture(scope="module")
def counter() -> TextCounter:
    return TextCounter()


@pytest.fixture
def app(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings, counter: TextCounter
) -> UpsampleApp:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NO_COLOR", raising=False)
    colourful(monkeypatch.setenv)
    draw_clips()
    return make_detail_app(settings, counter, make_specs())


async def open_panel(pilot: Pilot[None]) -> TokensScreen:
    """Press t, and wait until everything is counted."""
    await pilot.press("t")
    panel = await until_screen(pilot, TokensScreen)
    await until_counted(pilot, panel)
    return panel


def everything_in(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


def text_of(panel: TokensScreen) -> str:
    return str(panel.query_one(Static).render())


async def test_the_frames_that_will_be_sent_are_shown(app: UpsampleApp, settle: Settle) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        view = await settle_pictures(pilot, await settle(pilot))
        assert [it.label for it in view.pictures] == ["0.50 s", "1.50 s"]
        assert view.region.height > 10
        assert "▀" in view.render_line(3).text


async def test_a_window_that_changes_its_size_as_the_panel_closes_draws_nothing(
    app: UpsampleApp, settle: Settle
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        panel = await open_panel(pilot)
        await panel.dismiss()
        panel._show()


async def test_nothing_is_written_for_a_look(
    app: UpsampleApp, settle: Settle, tmp_path: Path
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await settle(pilot)
        before = everything_in(tmp_path)
        await settle_pictures(pilot, screen)
        assert everything_in(tmp_path) == before


async def test_while_j_is_held_only_the_last_spec_is_read(app: UpsampleApp, settle: Settle) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await settle(pilot)
        await settle_pictures(pilot, screen)
        book = app.desk.pictures
        assert book is not None
        assert {key.path.name for key in book._kept} == {"small.mov"}
        for position in range(1, 5):
            # Without a moment between them, so that the cursor rests on none but the last.
            screen.listing.move_to(position)
            screen.detail.show(screen.listing.current)
        view = await settle_pictures(pilot, screen)
        assert [it.label for it in view.pictures] == ["picture"]
        # The picture alone, and not what the cursor passed over. Not how often: the room may have changed.
        assert {key.path.name for key in book._kept} == {"small.mov", "still.png"}


async def test_a_video_that_is_gone_by_now_is_told_in_words(
    app: UpsampleApp, settle: Settle
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await settle(pilot)
        await asyncio.to_thread(Path("clips/large.mov").unlink)
        await pilot.press("j")
        view = await settle_pictures(pilot, screen)
        assert "large.mov does not exist" in view.trouble


async def test_texts_and_missing_videos_have_no_pictures(app: UpsampleApp, settle: Settle) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await settle(pilot)
        for keys in ("jj", "j"):
            await pilot.press(*keys)
            view = await settle_pictures(pilot, screen)
            assert not view.display


FEW_COLOURS = "no pictures: by TERM, the terminal has 16 colours; TERM=xterm-256color has enough"


@pytest.mark.parametrize(
    ("environment", "why"),
    [
        ({"NO_COLOR": "1"}, "no pictures without colours of our own"),
        ({"TERM": "xterm", "COLORTERM": ""}, FEW_COLOURS),
        ({"TERM": "screen", "COLORTERM": ""}, FEW_COLOURS),
        ({"TERM": "xterm-256color", "COLORTERM": ""}, ""),
        ({"TERM": "xterm", "COLORTERM": "truecolor"}, ""),
    ],
)
async def test_a_terminal_with_too_few_colours_is_told_why_it_gets_no_pictures(
    settings: Settings,
    counter: TextCounter,
    settle: Settle,
    app: UpsampleApp,
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    why: str,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    async with make_detail_app(settings, counter, make_specs()).run_test(size=(80, 24)) as pilot:
        view = await settle_pictures(pilot, await settle(pilot))
        lines = [view.render_line(y).text.strip() for y in range(view.region.height)]
        assert (" ".join(lines) if why else "") == why
        assert bool(view.pictures) is not bool(why)


async def test_the_panel_shows_the_cost_and_what_fits(app: UpsampleApp, settle: Settle) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("j")
        text = text_of(await open_panel(pilot))
        assert "sent as   2 frames of 928×510, the largest that fits" in text
        assert "original  1280×704  ✗ exceeds  4,999 of 4,096 tokens, 903 too many" in text
        assert "linear    31,178" in text
        assert "✗ 4,699  ✗ 31,178" in text


async def test_what_is_tried_is_dropped_by_escape_and_used_by_enter(
    app: UpsampleApp, settle: Settle
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await settle(pilot)
        await pilot.press("j")
        before = app.settings
        panel = await open_panel(pilot)
        await pilot.press("l")
        assert "upsample config set upsampling.max_tokens 8192" in text_of(panel)
        await pilot.press("escape")
        assert app.settings == before
        await open_panel(pilot)
        await pilot.press("l", "plus", "enter")
        await until(pilot, lambda: app.settings.upsampling.max_tokens == 8192)
        assert app.settings.upsampling.frames_to_extract == 3

        def frames() -> int | None:
            plan = screen.listing.rows[1].plan
            return plan.frames if plan else None

        await until(pilot, lambda: frames() == 3)
        plan = screen.listing.rows[1].plan
        assert plan is not None
        assert plan.size == Size(1024, 563)
        assert "8,192 tokens" in str(screen.query_one("#limit", Static).render())


async def test_a_key_that_changes_nothing_says_why(app: UpsampleApp, settle: Settle) -> None:
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("j", "j")
        await open_panel(pilot)
        await pilot.press("plus")
        assert "no video" in next(iter(app._notifications)).message


async def test_y_copies_the_prompt(app: UpsampleApp, settle: Settle) -> None:
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("y")
        assert app.clipboard == COFFEE


async def test_without_an_editor_it_says_how_to_set_one(
    app: UpsampleApp, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.delenv("EDITOR", raising=False)
    monkeypatch.setenv("PATH", "")
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("E")
        await until(pilot, lambda: bool(app._notifications))
        (note,) = app._notifications
        assert "Set $EDITOR" in note.message
