"""The dialog that runs `upsample doctor`. It shows each finding as it is made; closing it ends the
examination.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen

from remote.protocol import Finding
from tui.dialogs.doctor_text import finding_lines, summary
from tui.shell.defects import TellsDefects
from tui.shell.work import start_work
from tui.text import one_line
from tui.widgets.plain_text import PlainText

if TYPE_CHECKING:
    from backend.box.asker import Asker

_NOT_TRIED = "Not looked at: whether the model really loads and answers. D tries it."


class DoctorScreen(TellsDefects, ModalScreen[None]):
    """Examines a box, and does so again whenever the user asks for it."""

    CSS_PATH = "doctor.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss", "close", key_display="esc"),
        Binding("d", "examine(False)", "again"),
        Binding("D", "examine(True)", "again, and start the model"),
        Binding("j,down", "scroll(1)", "down", show=False),
        Binding("k,up", "scroll(-1)", "up", show=False),
        Binding("pagedown", "scroll(15)", "a page down", show=False),
        Binding("pageup", "scroll(-15)", "a page up", show=False),
    ]

    def __init__(self, box: str, asker: Asker, *, start: bool) -> None:
        super().__init__()
        self._box = box
        self._asker = asker
        self._start = start
        self._findings: list[Finding] = []
        self._now = ""

    def compose(self) -> ComposeResult:
        with Vertical(id="doctor") as panel:
            panel.border_title = Content(f"Doctor · {one_line(self._box)}")
            panel.border_subtitle = "d again · D and start the model · Esc closes"
            with VerticalScroll(can_focus=False):
                yield PlainText(id="findings")
            yield PlainText(id="doing")

    def on_mount(self) -> None:
        self.call_after_refresh(self.action_examine, self._start)

    def on_resize(self) -> None:
        self._draw()

    def action_examine(self, start: bool) -> None:
        """Discard the findings and examine the box again."""
        self._findings = []
        self._draw()
        # Exclusive: the former one is cancelled, and takes back what it asked of the box.
        start_work(self, partial(self._examine, start=start), exclusive=True)

    def action_scroll(self, lines: int) -> None:
        """Scroll by lines."""
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)

    def tell(self, finding: Finding) -> None:
        """Show a finding."""
        self._findings.append(finding)
        self._draw()
        self.query_one(VerticalScroll).scroll_end(animate=False)

    def doing(self, text: str) -> None:
        """Show which step the examination is at."""
        now = Content.styled(f"… {one_line(text)}", "$foreground-muted")
        self.query_one("#doing", PlainText).update(now)

    def conclude(self, seconds: float, *, start: bool, whole: bool) -> None:
        """Show a summary of the findings, once the examination has ended."""
        text = summary(self._findings, seconds)
        if whole and not start:
            text = Content("\n").join([text, Content.styled(_NOT_TRIED, "$foreground-muted")])
        self.query_one("#doing", PlainText).update(text)

    async def _examine(self, *, start: bool) -> None:
        # It brings SSH with it.
        from backend.doctor import ExaminationWatchers, examine

        began = time.monotonic()
        watchers = ExaminationWatchers(self.tell, self.doing)
        diagnosis = await examine(self._box, self._asker, watchers, start=start)
        self.conclude(time.monotonic() - began, start=start, whole=diagnosis.hindrance is None)

    def _draw(self) -> None:
        width = self.query_one(VerticalScroll).scrollable_content_region.width
        if width > 0:
            self.query_one("#findings", PlainText).update(finding_lines(self._findings, width))
