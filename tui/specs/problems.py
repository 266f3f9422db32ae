"""The dialog with the broken and skipped files, and the reason for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen

from backend.specs.model import BrokenSpec, Skipped
from tui.text import one_line
from tui.widgets.plain_text import PlainText

_MOST = 1_000
"""How many findings of each kind are listed; all of them would take seconds to wrap."""


class ProblemsScreen(ModalScreen[None]):
    """Shows two lists, the broken files first, because only they need something done."""

    CSS_PATH = "../dialogs/panel.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,e,enter", "dismiss", "close", key_display="esc"),
        Binding("j", "scroll(1)", "down", show=False),
        Binding("k", "scroll(-1)", "up", show=False),
    ]

    def __init__(self, broken: Sequence[BrokenSpec], skipped: Sequence[Skipped]) -> None:
        super().__init__()
        self._broken = broken
        self._skipped = skipped

    def compose(self) -> ComposeResult:
        broken = [(_place(it), it.problem) for it in self._broken[:_MOST]]
        skipped = [(one_line(str(it.file)), it.reason) for it in self._skipped[:_MOST]]
        lines = [
            *_group(f"✗ {len(self._broken):,} broken", "$text-error", broken, len(self._broken)),
            *_group(
                f"– {len(self._skipped):,} skipped",
                "$foreground-muted",
                skipped,
                len(self._skipped),
            ),
        ]
        with VerticalScroll(classes="panel") as panel:
            panel.border_title = "Broken and skipped"
            panel.border_subtitle = "Esc closes"
            yield PlainText(Content("\n").join(lines[:-1]))

    def action_scroll(self, lines: int) -> None:
        """Scroll by lines."""
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)


def _place(broken: BrokenSpec) -> str:
    file = one_line(str(broken.file))
    return f"{file}:{broken.line}" if broken.line else file


def _group(title: str, colour: str, found: list[tuple[str, str]], count: int) -> list[Content]:
    """Return a title, two lines for each finding, and an empty line."""
    if not found:
        return []
    lines = [Content.styled(title, f"bold {colour}"), Content()]
    for place, reason in found:
        lines += [Content.styled(place, "bold"), Content(f"  {one_line(reason)}")]
    if count > len(found):
        lines.append(Content.styled(f"… and {count - len(found):,} more", "$foreground-muted"))
    return [*lines, Content()]
