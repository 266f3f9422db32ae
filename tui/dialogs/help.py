"""The keys of the page that it was asked on, then those that hold everywhere, then the glyphs."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.dialogs.keys import KEYS
from tui.dialogs.legend import legend


class HelpScreen(ModalScreen[None]):
    """Goes with any of the keys that close things."""

    CSS_PATH = "panel.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,enter,q", "dismiss", "close", key_display="esc"),
        Binding("j,down", "scroll(1)", "down", show=False),
        Binding("k,up", "scroll(-1)", "up", show=False),
        Binding("space,pagedown", "scroll(15)", "a page down", show=False),
        Binding("pageup", "scroll(-15)", "a page up", show=False),
    ]

    def __init__(self, page: str) -> None:
        """`page` is its name among the pages of the app."""
        super().__init__()
        self._page = page

    def compose(self) -> ComposeResult:
        """One text."""
        lines: list[Content] = []
        for title, keys in (KEYS.get(self._page, {}) | KEYS["app"]).items():
            told = [
                Content.assemble((f"{key.keys:<14}", "bold $primary"), key.does) for key in keys
            ]
            lines += [Content.styled(title, "bold"), *told, Content()]
        for title, glyphs in legend(self._page).items():
            lines += [Content.styled(title, "bold"), *glyphs, Content()]
        with VerticalScroll(classes="panel", can_focus=False) as panel:
            panel.border_title = Content(f"Keys · {self._page}")
            panel.border_subtitle = "j k scroll · Esc closes"
            yield Static(Content("\n").join(lines[:-1]), markup=False)

    def action_scroll(self, lines: int) -> None:
        """Scroll by lines."""
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)
