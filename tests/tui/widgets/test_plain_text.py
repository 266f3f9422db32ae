"""The text that is shown as it is."""

from __future__ import annotations

from textual.app import App, ComposeResult

from tui.widgets.plain_text import PlainText


class _OneText(App[None]):
    def compose(self) -> ComposeResult:
        yield PlainText("")


async def test_a_text_has_the_height_of_its_last_content_if_a_layout_came_between() -> None:
    async with _OneText().run_test() as pilot:
        text = pilot.app.query_one(PlainText)
        text.update("one line")
        # What the screen's timer does, before the text has been idle.
        pilot.app.screen._refresh_layout()
        text.update("one line\nand another")
        await pilot.pause()
        assert text.size.height == 2


async def test_markup_in_a_text_is_shown_and_not_read() -> None:
    async with _OneText().run_test() as pilot:
        text = pilot.app.query_one(PlainText)
        text.update("[b]bold[/b]")
        await pilot.pause()
        assert str(text.visual) == "[b]bold[/b]"
