"""The outline in the detail of a spec, driven by keys."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from textual.pilot import Pilot

from backend.specs.model import Spec
from tests.support.pilots import until_screen
from tests.tui.outline.scene import SCENE
from tui.app import UpsampleApp
from tui.dialogs.help import HelpScreen
from tui.outline.outline_view import OutlineView
from tui.shell.key_check import make_keymap
from tui.specs.screen import SpecsScreen
from tui.widgets.plain_text import PlainText

Settle = Callable[[Pilot[None]], Awaitable[SpecsScreen]]


async def test_the_keys_of_the_outline_scroll_the_detail_and_fold_its_parts(
    make_app: Callable[..., UpsampleApp], make_spec: Callable[..., Spec], settle: Settle
) -> None:
    app = make_app((make_spec("a", SCENE), make_spec("b", "prose"), make_spec("c", SCENE)))
    async with app.run_test(size=(100, 24)) as pilot:
        screen = await settle(pilot)
        view = screen.detail.query_one(OutlineView)
        await pilot.press("enter")
        assert view.has_focus
        await pilot.press(*["j"] * 15)
        await pilot.pause()
        assert screen.detail.scroll_y > 0
        # It is the last part; what is below the outline comes into sight.
        before = screen.detail.scroll_y
        await pilot.press(*["down"] * 5)
        assert screen.detail.scroll_y > before
        await pilot.press(*["k"] * 14, *["left"] * 4)
        lines = view.lines_for(view.size.width).parts
        assert [placed.part.path for placed in lines[:2]] == [("subjects",), ("lighting",)]
        await pilot.press("escape", "j", "enter")
        assert screen.detail.has_focus
        assert not view.display
        # What was folded stays folded.
        await pilot.press("escape", "j")
        assert len(view.lines_for(view.size.width).parts) == len(lines)


async def test_the_outline_has_keys_of_ones_own_and_the_help_names_them(
    make_app: Callable[..., UpsampleApp], make_spec: Callable[..., Spec], settle: Settle
) -> None:
    own = {"outline": {"fold": "h", "fold-or-unfold-all": "f6"}, "lists": {"down": "ctrl+n"}}
    desk = make_app((make_spec("a", SCENE),)).desk
    app = UpsampleApp(replace(desk, keymap=make_keymap(own, UpsampleApp)))
    async with app.run_test(size=(100, 24)) as pilot:
        screen = await settle(pilot)
        view = screen.detail.query_one(OutlineView)
        parts = len(view.lines_for(view.size.width).parts)
        await pilot.press("enter", "z", "left")
        assert len(view.lines_for(view.size.width).parts) == parts
        await pilot.press("h")
        without_subjects = view.lines_for(view.size.width).parts
        assert [placed.part.path for placed in without_subjects[:2]] == [
            ("subjects",),
            ("lighting",),
        ]
        await pilot.press("f6")
        all_folded = len(view.lines_for(view.size.width).parts)
        assert all_folded < len(without_subjects)
        await pilot.press("ctrl+n", "h", "right")
        assert len(view.lines_for(view.size.width).parts) > all_folded
        await pilot.press("question_mark")
        told = (await until_screen(pilot, HelpScreen)).query_one(PlainText)
        assert "h → space f6" in str(told.render())
