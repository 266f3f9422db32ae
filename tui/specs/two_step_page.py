"""A page of specs whose list is drawn before all else. What follows is imported and mounted after it."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING

from tui.shell.work import start_work
from tui.specs.arranging import ArrangedPage

if TYPE_CHECKING:
    from tui.specs.beside import BesideTheList


class TwoStepPage(ArrangedPage):
    """Knows what is there yet, and goes on once the first specs are drawn."""

    def __init__(self, cwd: Path) -> None:
        super().__init__(cwd)
        self.beside: BesideTheList | None = None
        """What stands beside the list; None before it is mounted."""
        self._completing = asyncio.Lock()
        self._goes_on = False

    @abstractmethod
    def show_current(self) -> None:
        """Show the current spec beside the list, if that is there."""

    @abstractmethod
    def go_on_reading(self) -> None:
        """Read further files, now that the first specs are drawn."""

    @abstractmethod
    def go_on_planning(self) -> None:
        """Plan specs, now that the settings are read."""

    async def complete(self) -> None:
        """Mount what stands beside the list."""
        await self.when_mounted()
        async with self._completing:
            if self.beside is None and self.is_mounted and self.is_attached:
                from tui.specs.beside import BesideTheList

                beside = BesideTheList(self, self._cwd)
                await beside.mount()
                self.beside = beside
                self.show_current()

    def go_on_once(self) -> None:
        """Start the other work once the first specs are drawn. Settings, the vocabulary, SSH and the other
        files take time, and with it the interpreter's lock.
        """
        if not self._goes_on:
            self._goes_on = True
            start_work(self, self._go_on_when_drawn)

    async def _go_on_when_drawn(self) -> None:
        await self.host.first_frame.wait()
        self.call_after_refresh(self._go_on)

    def _go_on(self) -> None:
        self.go_on_reading()
        self.host.specs_shown.set()
        start_work(self, self._go_on_when_whole)

    async def _go_on_when_whole(self) -> None:
        await self.host.make_whole()
        if self.host.is_whole:
            self.call_later(self.complete)
            self.go_on_planning()
