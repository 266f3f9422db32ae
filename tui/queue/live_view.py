"""The pane beside or below the list of jobs: the current job, and its text while it is written."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content

from tui.queue.job_text import answer_text, facts, heading
from tui.state.live import Live, LiveJob
from tui.widgets.plain_text import PlainText

_LOW = 16
"""The height below which the facts are brief, to leave room for the text."""


class AnswerScroll(VerticalScroll, can_focus=True):
    """The text of the answer. It scrolls when it has the focus, and follows the end unless it was scrolled
    up.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_down", "down", show=False),
        Binding("k", "scroll_up", "up", show=False),
        Binding("g", "scroll_home", "top", show=False),
        Binding("G", "follow", "follow the end", show=False),
    ]

    follows = True
    """Whether the end stays in sight as the text grows."""

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Follow the end when the user has scrolled there; stop following when the user scrolls up."""
        super().watch_scroll_y(old_value, new_value)
        self.follows = self.is_vertical_scroll_end

    def action_follow(self) -> None:
        """Keep the end in sight from now on."""
        self.follows = True
        # At once: by the end of an animation it would have moved on.
        self.scroll_end(animate=False)


class LiveView(Vertical):
    """Shows one job. Its page calls `show` when there is something new."""

    def __init__(self, live: Live, cwd: Path) -> None:
        super().__init__()
        self._live = live
        self._cwd = cwd
        self._job: LiveJob | None = None

    def compose(self) -> ComposeResult:
        yield PlainText(id="heading")
        yield PlainText(id="facts")
        with AnswerScroll(id="answer"):
            yield PlainText(id="text")

    @property
    def answer(self) -> AnswerScroll:
        return self.query_one(AnswerScroll)

    def on_resize(self) -> None:
        self.show(self._job)

    def show(self, job: LiveJob | None) -> None:
        """Show the present state of the job; None shows nothing."""
        answer = self.answer
        if job is not self._job:
            answer.follows = True
        self._job = job
        width = self.scrollable_content_region.width
        if width <= 0:
            return  # before the first layout; the resize that ends it comes back here
        self.set_class(job is None, "-nothing")
        if job is None:
            return
        now = self._live.clock()
        box = self._live.boxes.get(job.job.box)
        self.query_one("#heading", PlainText).update(heading(job, box))
        brief = self.size.height < _LOW
        self.query_one("#facts", PlainText).update(facts(job, now, self._cwd, width, brief=brief))
        self.query_one("#text", PlainText).update(answer_text(job, box, now))
        if answer.follows:
            answer.action_follow()
        answer.border_subtitle = Content("" if answer.follows else "held: G follows")
