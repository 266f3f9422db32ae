"""The keys of the first screen."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.keys import KEYS

_VERDICTS = (
    ("✓ fits", "$text-success", "prompt, frames and answer fit the limit"),
    ("~ near", "$text-warning", "they fit, and take nine tenths of it or more"),
    ("✗ exceeds", "$text-error", "they do not fit, at any size that may be sent"),
    ("✗ refused", "$text-error", "it cannot be sent for another reason"),
)


class HelpScreen(ModalScreen[None]):
    """Goes with any of the keys that close things."""

    CSS_PATH = "panel.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,enter", "dismiss", "close", key_display="esc"),
    ]

    def compose(self) -> ComposeResult:
        """Keys, then verdicts."""
        lines: list[Content] = []
        for title, keys in (KEYS["specs"] | KEYS["app"]).items():
            lines.append(Content.styled(title, "bold"))
            lines += [Content.assemble((f"{k.keys:<14}", "bold $primary"), k.does) for k in keys]
            lines.append(Content())
        lines += [
            Content.assemble((f"{word:<14}", f"bold {colour}"), what)
            for word, colour, what in _VERDICTS
        ]
        with VerticalScroll(classes="panel") as panel:
            panel.border_title = "Keys"
            panel.border_subtitle = "Esc closes"
            yield Static(Content("\n").join(lines), markup=False)
