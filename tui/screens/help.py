"""The keys of the first screen."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

_KEYS = (
    ("j k ↓ ↑", "next, previous spec"),
    ("g G", "first, last spec"),
    ("PgDn PgUp", "a page down, up"),
    ("space", "mark, and move on"),
    ("a", "mark all that are shown, or none of them"),
    ("v", "swap marked and unmarked"),
    ("/", "filter by words of the name or prompt"),
    ("⏎", "go to the detail, to scroll it"),
    ("d", "show or hide the detail"),
    ("e", "broken and skipped files, and why"),
    ("Esc", "back to the list; clear the filter"),
    ("ctrl+p", "commands, themes among them"),
    ("q", "quit"),
)
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
        lines = [Content.assemble((f"{key:<11}", "bold $primary"), what) for key, what in _KEYS]
        lines.append(Content())
        lines += [
            Content.assemble((f"{word:<11}", f"bold {colour}"), what)
            for word, colour, what in _VERDICTS
        ]
        with VerticalScroll(classes="panel") as panel:
            panel.border_title = "Keys"
            panel.border_subtitle = "Esc closes"
            yield Static(Content("\n").join(lines), markup=False)
