"""The line at the top of every page: the box and its link, the pages, and the limit of tokens."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal

from tui.host import AppHost, host_of
from tui.widgets.pages_line import pages_line
from tui.widgets.plain_text import PlainText

_ROOM_FOR_NAMES = 76
"""The width from which the pages are named beside a box."""


class StatusBar(Horizontal):
    """Shows the box, the pages and the limit, and follows their changes."""

    def compose(self) -> ComposeResult:
        yield PlainText(id="box")
        yield PlainText(pages_line(self.app.current_mode, host_of(self).pages), id="pages")
        yield PlainText(id="limit")

    def on_mount(self) -> None:
        host = host_of(self)
        host.live_changed.subscribe(self, lambda _: self._show(host))
        host.settings_changed.subscribe(self, lambda _: self._show(host))
        self.set_interval(1, lambda: self._count(host))
        if host.is_whole:
            self._show(host)

    def _show(self, host: AppHost) -> None:
        # The first frame is without the box and the limit, which are known once the settings are read.
        from tui.widgets.status_text import box_line, limit_line

        name, _ = host.settings.box_named(None)
        live = host.live
        line = box_line(host.settings, live.boxes.get(name), live.clock())
        self.query_one("#box", PlainText).update(line)
        self.query_one("#limit", PlainText).update(limit_line(host.settings))

    def on_resize(self, event: events.Resize) -> None:
        """Name only the current page where there is no room for the names of all."""
        host = host_of(self)
        slim = event.size.width < _ROOM_FOR_NAMES
        line = pages_line(self.app.current_mode, host.pages, slim=slim)
        self.query_one("#pages", PlainText).update(line)

    def _count(self, host: AppHost) -> None:
        """Draw the seconds of countdowns, and that a box has become idle."""
        boxes = host.live.boxes.values() if host.is_whole else ()
        if any(box.seconds(0.0) is not None or box.idle_since is not None for box in boxes):
            self._show(host)
