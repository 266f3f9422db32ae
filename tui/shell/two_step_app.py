"""An app that draws its first frame before it reads the settings.

To read and check them takes longer than all else that the first frame needs. So the app starts with a desk
that lacks what follows from them, and is whole soon after its first specs are drawn. What the user types
before then waits for that.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING

from textual import events

from backend.errors import UpsampleError
from tui.shell.desk import Desk
from tui.shell.personal_app import PersonalApp
from tui.shell.work import start_work
from tui.widgets.page import Page

if TYPE_CHECKING:
    from tui.log.recorder import LogRecorder
    from tui.state.live import Live

PAINTED_WITHIN = 1.0
"""Seconds until the work that the first specs come before begins, whether or not there are any."""


class TwoStepApp(PersonalApp):
    """The base of the app that becomes whole after its first frame."""

    trouble: UpsampleError | None = None
    """Why the app could not become whole, for which it ended."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.desk = desk
        self.is_whole = desk.settings is not None
        if desk.settings is not None:
            self.settings = desk.settings
        self.specs_shown = asyncio.Event()
        self._filling = asyncio.Lock()

    @cached_property
    def live(self) -> Live:
        """What happens at the moment."""
        from tui.state.live import Live

        return Live()

    @cached_property
    def recorder(self) -> LogRecorder:
        """Collects the lines of the log."""
        from tui.log.recorder import LogRecorder

        return LogRecorder(self.live)

    def on_load(self) -> None:
        """Style the app before its first page, which inherits its colours and is not styled a second time."""
        self.stylesheet.apply(self)

    def begin(self) -> None:
        """Take up what the desk has; if something is missing, once the first specs are drawn."""
        if self.is_whole:
            self._take_up()
        else:
            start_work(self, self._make_whole_later)

    async def _make_whole_later(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self.specs_shown.wait(), PAINTED_WITHIN)
        await self.make_whole()

    async def make_whole(self) -> None:
        """Read the settings and the like, unless that is done. The app ends if they cannot be read."""
        async with self._filling:
            if self.is_whole or self.trouble is not None:
                return
            try:
                self.desk = await asyncio.to_thread(self._filled)
            except UpsampleError as error:
                self.trouble = error
                self.exit()
                return
            assert self.desk.settings is not None  # noqa: S101 - it is filled
            self.is_whole = True
            self._take_up()
            self.change_settings(self.desk.settings)

    def _filled(self) -> Desk:
        return self.desk if self.desk.fill is None else self.desk.fill(self.desk)

    def _take_up(self) -> None:
        self.take_up_keys()
        self.watch_config()
        self.take_up_rest()

    def take_up_rest(self) -> None:
        """Begin what needs the settings."""
        raise NotImplementedError

    async def on_event(self, event: events.Event) -> None:
        """Let what the user types wait until everything is there that it may be meant for."""
        if isinstance(event, events.InputEvent) and not self._ends:
            await self.make_whole()
            for screen in self.screen_stack if self.is_whole else ():
                if isinstance(screen, Page):
                    await screen.complete()
        await super().on_event(event)
