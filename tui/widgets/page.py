"""The bases of the pages: a status bar, a footer, a smallest size, and a line for a filter.

A page is the base of a mode, so it stays as it was left while another one is shown.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Footer, Input

from tui.dialogs.keys import HelpGroups
from tui.host import AppHost, host_of
from tui.shell.defects import TellsDefects
from tui.shell.work import start_work
from tui.widgets.plain_text import PlainText
from tui.widgets.status_bar import StatusBar
from tui.widgets.typed_line import TypedLine

SMALLEST = (60, 16)
"""The least columns and lines of a window; in a smaller one, a page only says that it is too small."""

WIDTHS = [(0, "-too-narrow"), (SMALLEST[0], "-narrow"), (110, "-wide")]
"""The class of a page from each width on. A page may have one more of its own."""
_HEIGHTS = [(0, "-too-short"), (SMALLEST[1], "-tall-enough"), (36, "-tall")]


OPENS_WITHIN = 5.0
"""Seconds within which a page has to open."""
HELP_KEY = Binding("question_mark", "help", "help", key_display="?")
"""The last of each page's keys, so that it stands at the end of the footer."""


class PageFooter(Footer):
    """Textual's footer, drawn with the second frame: it has a widget for each key, and the first need not
    wait.
    """

    def on_mount(self) -> None:
        """Show the keys once there is a frame."""
        if not host_of(self).first_frame.is_set():
            start_work(self, self._show_when_drawn)

    async def _show_when_drawn(self) -> None:
        await host_of(self).first_frame.wait()
        # Not from here: a worker is the app's, and so would be the widgets that it makes.
        self.call_later(self.bindings_changed, self.screen)

    def bindings_changed(self, screen: Screen[object]) -> None:
        """Show the keys that work now."""
        if host_of(self).first_frame.is_set():
            super().bindings_changed(screen)


class Page(TellsDefects, Screen[None]):
    """A page. Each page adds what stands between the status bar and the footer in `compose_body`."""

    HORIZONTAL_BREAKPOINTS = WIDTHS
    VERTICAL_BREAKPOINTS = _HEIGHTS
    HELP_GROUPS: ClassVar[HelpGroups]
    """What the help says about the keys of the page."""
    LIST: ClassVar[type[Widget]]
    """The widget with the keys that move in the page."""

    @classmethod
    def panes(cls) -> tuple[type[Widget], ...]:
        """Return other widgets with keys that the help names. Their keys hold while they have the focus."""
        return ()

    def __init__(self) -> None:
        super().__init__()
        # Textual applies all style sheets to a page three times before its first frame: as it is made, when
        # it is shown and when it hears its size. What is applied last is known from the start.
        self._css_update_count = self.app._css_update_count
        self._was_shown = False

    def compose(self) -> ComposeResult:
        self.update_classes(self._breakpoints(self.app.size), update=False)
        yield StatusBar()
        yield from self.compose_body()
        yield PageFooter()
        yield PlainText(
            f"The window is too small: {SMALLEST[0]} × {SMALLEST[1]} at least.", id="small"
        )

    def compose_body(self) -> ComposeResult:
        """Compose the parts between the status bar and the footer."""
        raise NotImplementedError

    @property
    def host(self) -> AppHost:
        return host_of(self)

    def on_mount(self) -> None:
        self.host.live_changed.subscribe(self, lambda _: self.show_live())

    def _on_screen_resume(self, event: events.ScreenResume) -> None:
        """Leave the styles alone when the page is shown for the first time."""
        event.refresh_styles = self._was_shown
        self._was_shown = True

    def _breakpoints(self, size: Size) -> dict[str, bool]:
        return {
            name: name in self._get_breakpoint_classes(length, points)
            for length, points in (
                (size.width, self.HORIZONTAL_BREAKPOINTS),
                (size.height, self.VERTICAL_BREAKPOINTS),
            )
            for _, name in points
        }

    async def complete(self) -> None:
        """Mount what the first frame did without, unless that is done."""

    async def when_mounted(self) -> None:
        """Wait until the page is there, if it opens just now."""
        if not self.is_mounted:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._mounted_event.wait(), OPENS_WITHIN)

    @property
    def is_shown(self) -> bool:
        """Whether this page is shown, perhaps below a dialog. No page is shown while the app ends."""
        return self.app.screen_stack[:1] == [self]

    def show_live(self) -> None:
        """Show news of boxes, jobs or logs. This is called several times a second at most."""

    @property
    def current_job(self) -> int | None:
        """The number of the job that the page is about; None if it is about none."""
        return None

    def on_resize(self, event: events.Resize) -> None:
        """Make the footer compact in a narrow window, where the keys matter more than the gaps."""
        footer = self.query_one(Footer)
        footer.compact = event.size.width < 80
        footer.show_command_palette = event.size.width >= 90

    def action_help(self) -> None:
        """Show the keys."""
        from tui.dialogs.help import HelpScreen

        owners = (type(self), self.LIST, *self.panes())
        self.app.push_screen(HelpScreen(self.app.current_mode, self.HELP_GROUPS, owners))


class FilterInput(TypedLine):
    """The input for a filter, with keys to keep it or to show everything."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,down,tab", "submit", "keep the filter", key_display="⏎"),
        Binding("escape", "screen.back", "show all", key_display="esc"),
    ]


class FilteredPage(Page):
    """Opens and closes the line for the filter. The page applies what is typed there."""

    @property
    def filter_input(self) -> FilterInput:
        """The line for the filter."""
        return self.query_one(FilterInput)

    @property
    def is_filter_typed(self) -> bool:
        """Whether the user types into the line now."""
        return self.has_class("-filtering") and self.focused is self.filter_input

    def action_filter(self) -> None:
        """Open the line for a filter."""
        self.add_class("-filtering")
        self.filter_input.begin()

    @on(Input.Submitted)
    def close_filter(self) -> None:
        """Close the line, and return to the list."""
        self.remove_class("-filtering")
        self.filter_input.end()
        self.query_one(self.LIST).focus()
