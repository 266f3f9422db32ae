"""The line at the top of every page: the box, how the link to it stands, the pages, and the limit."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Static

from tui.widgets.status_text import box_line, limit_line, pages_line

if TYPE_CHECKING:
    from tui.app import UpsampleApp


class StatusBar(Horizontal):
    """Draws itself anew when something changed, some times a second at most."""

    def compose(self) -> ComposeResult:
        """The box on the left, the limit on the right; the pages between them where there is room."""
        yield Static(id="box", markup=False)
        yield Static(pages_line(self.app.current_mode), id="pages", markup=False)
        yield Static(id="limit", markup=False)

    def on_mount(self) -> None:
        """Show what is known, and follow it."""
        app = cast("UpsampleApp", self.app)
        app.live_changed.subscribe(self, lambda _: self._show(app))
        app.settings_changed.subscribe(self, lambda _: self._show(app))
        self.set_interval(1, lambda: self._count(app))
        self._show(app)

    def _show(self, app: UpsampleApp) -> None:
        name, _ = app.settings.box_named(None)
        live = app.live
        line = box_line(app.settings, live.boxes.get(name), live.clock())
        self.query_one("#box", Static).update(line)
        self.query_one("#limit", Static).update(limit_line(app.settings))

    def _count(self, app: UpsampleApp) -> None:
        """Seconds go by."""
        if any(box.seconds(0.0) is not None for box in app.live.boxes.values()):
            self._show(app)
