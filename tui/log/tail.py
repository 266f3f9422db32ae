"""The last lines of the log, at the foot of another page that has room for them."""

from __future__ import annotations

import time

from textual.content import Content
from textual.widget import Widget

from tui.host import host_of
from tui.log.book import LogBook, LogLine
from tui.log.line_text import Shape, Times, clean, gravity, label
from tui.text import cut

_COLOURS = ("$foreground", "$text-warning", "$text-error")


class LogTail(Widget):
    """Shows three lines at most, and takes no room before there are any."""

    MOST = 3

    def __init__(self) -> None:
        super().__init__()
        self._count = -1

    def on_mount(self) -> None:
        host_of(self).live_changed.subscribe(self, lambda _: self._show())
        self._show()

    def render(self) -> Content:
        room = self.size.width
        return Content("\n").join([self._drawn(line, room) for line in self._last()])

    def _show(self) -> None:
        if self._count != self._book.count:
            self._count = self._book.count
            self.set_class(self._count > 0, "-said")
            self.styles.height = min(self.MOST, self._count) + 1
            self.refresh()

    def _last(self) -> list[LogLine]:
        return [line for _, line in self._book.since(self._book.count - self.MOST)]

    def _drawn(self, line: LogLine, room: int) -> Content:
        shape = Shape(Times.CLOCK, boxes=len(self._book.boxes) > 1, sources=True)
        when, level, who = label(line, shape, time.time())
        colour = _COLOURS[gravity(line.level)]
        text = cut(clean(line.text), room - shape.label_width)
        return Content.assemble(
            (when, "$foreground-muted"), (level, colour), (who, "$foreground-muted"), (text, colour)
        )

    @property
    def _book(self) -> LogBook:
        return host_of(self).recorder.book
