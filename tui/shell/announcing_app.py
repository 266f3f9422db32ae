"""An app that announces what happens while the user looks elsewhere: by the terminal, or by a command.

What announces is imported with the first event: the first paint does not wait for it.
"""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

from textual import events

from backend.specs.quoting import printable
from tui.shell.steady_app import SteadyApp
from tui.shell.work import start_work
from tui.text import paragraphs

if TYPE_CHECKING:
    from backend.announcing import BatchWatch
    from backend.config import Settings
    from backend.events import Event

_SAVE_TITLE = "\x1b[22;2t"
_RESTORE_TITLE = "\x1b[23;2t"


class AnnouncingApp(SteadyApp):
    """The base of the app that hears events. It is told by the terminal whether the user looks at it."""

    settings: Settings
    _batch: BatchWatch | None = None
    _is_looked_at = False
    """Whether the terminal has told that it has the focus. Some never tell."""
    _has_title = False
    """Whether the terminal's title is ours now."""

    def announce_if_worth(self, event: Event) -> None:
        """Announce the event if it ends a batch or needs the user, and the user may look elsewhere."""
        from backend.announcing import BatchWatch

        if self._batch is None:
            self._batch = BatchWatch(self.settings.announce.after)
        sentence = self._batch.hear(event)
        if sentence and not self._is_looked_at:
            start_work(self, partial(self._announce, sentence))

    async def _announce(self, sentence: str) -> None:
        from backend.announcing import Announcer

        if not self._has_title:
            self._write(_SAVE_TITLE)
            self._has_title = True
        self._write(f"\x1b]2;{printable(sentence)} · upsample\x1b\\")
        announcer = Announcer(self.settings.announce, self._write, os.environ)
        if trouble := await announcer.announce(sentence):
            self.notify(paragraphs(trouble), severity="warning", markup=False)

    def on_app_focus(self, _: events.AppFocus) -> None:
        """The user is back: the terminal gets its own title back."""
        self._is_looked_at = True
        self._restore_title()

    def on_app_blur(self, _: events.AppBlur) -> None:
        """The user looks elsewhere."""
        self._is_looked_at = False

    def on_unmount(self) -> None:
        """Leave the terminal with its own title."""
        self._restore_title()

    def _restore_title(self) -> None:
        if self._has_title:
            self._write(_RESTORE_TITLE)
            self._has_title = False

    def _write(self, sequence: str) -> None:
        """Send a sequence to the terminal as it is, between two frames."""
        if self._driver is not None:
            self._driver.write(sequence)
