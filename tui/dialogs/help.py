"""The help: the keys of the page that is shown, then those of every page, then the glyphs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.dom import DOMNode
from textual.screen import ModalScreen

from tui.dialogs.keys import EVERYWHERE, HelpGroups, spell_keys
from tui.dialogs.legend import legend
from tui.widgets.plain_text import PlainText


class HelpScreen(ModalScreen[None]):
    """A panel over the page. Each of the usual closing keys closes it."""

    CSS_PATH = "panel.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,enter,q", "dismiss", "close", key_display="esc"),
        Binding("j,down", "scroll(1)", "down", show=False),
        Binding("k,up", "scroll(-1)", "up", show=False),
        Binding("space,pagedown", "scroll(15)", "a page down", show=False),
        Binding("pageup", "scroll(-15)", "a page up", show=False),
    ]

    def __init__(self, page: str, groups: HelpGroups, owners: Sequence[type[DOMNode]]) -> None:
        """`page` is the name of the page, `groups` are about its keys, and `owners` bind these."""
        super().__init__()
        self._page = page
        self._groups = groups
        self._owners = owners

    def compose(self) -> ComposeResult:
        owners, keymap = [*self._owners, type(self.app)], self.app._keymap
        lines: list[Content] = []
        for title, rows in {**self._groups, **EVERYWHERE}.items():
            told = [
                Content.assemble(
                    (f"{spell_keys(row, owners, keymap):<14}", "bold $primary"), row.does
                )
                for row in rows
            ]
            lines += [Content.styled(title, "bold"), *told, Content()]
        for title, glyphs in legend(self._page).items():
            lines += [Content.styled(title, "bold"), *glyphs, Content()]
        with VerticalScroll(classes="panel", can_focus=False) as panel:
            panel.border_title = Content(f"Keys · {self._page}")
            panel.border_subtitle = "j k scroll · Esc closes"
            yield PlainText(Content("\n").join(lines[:-1]))

    def action_scroll(self, lines: int) -> None:
        """Scroll by lines."""
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)
