"""The keys at the foot of a page."""

from __future__ import annotations

from textual.screen import Screen
from textual.widgets import Footer

from tui.host import host_of


class PageFooter(Footer):
    """Textual's footer, drawn with the second frame: it has a widget for each key, and the first need not
    wait.
    """

    def on_mount(self) -> None:
        """Show the keys once there is a frame."""
        if not host_of(self).first_frame.is_set():
            self.run_worker(self._show_when_drawn())

    async def _show_when_drawn(self) -> None:
        await host_of(self).first_frame.wait()
        # Not from here: a worker is the app's, and so would be the widgets that it makes.
        self.call_later(self.bindings_changed, self.screen)

    def bindings_changed(self, screen: Screen[object]) -> None:
        """Show the keys that work now."""
        if host_of(self).first_frame.is_set():
            super().bindings_changed(screen)
