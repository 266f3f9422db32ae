"""Textual's App, made safe against keys that come all at once, as they do over a slow line, and against a
terminal that has forgotten what was drawn.

Such keys are handled before the first of them has done its work: by a dialog that is about to open or
close, by a palette that still searches, by an app that is about to end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from textual import events, on
from textual._context import active_message_pump
from textual.actions import ActionParseResult
from textual.app import App
from textual.await_complete import AwaitComplete
from textual.command import CommandList, CommandPalette
from textual.dom import DOMNode
from textual.driver import Driver
from textual.screen import Screen
from textual.theme import ThemeProvider
from textual.widget import AwaitMount
from textual.widgets import Input
from textual.worker import ResultType, Worker, WorkType

CHANGES = "changes"
"""The group of the workers that write changes which the user has asked for."""
_OPENS_WITHIN = 5.0
"""Seconds within which a screen has to open."""
_CHANGES_WITHIN = 10.0
"""Seconds that changes may take before the app ends without them."""


class SteadyApp(App[None]):
    """The base of the app. It handles screens, modes and the palette."""

    async def on_event(self, event: events.Event) -> None:
        """Ignore input while the app ends, because its screens are gone."""
        if not (self._ends and isinstance(event, events.InputEvent)):
            await super().on_event(event)

    def on_key(self, event: events.Key) -> None:
        """Handle a key that no widget took."""
        if self._ends:
            event.prevent_default()
        elif isinstance(self.focused, Input) and event.is_printable and event.character:
            # It was given out before the key before it had opened this line.
            self.focused.insert_text_at_cursor(event.character)
            event.prevent_default()

    @on(Driver.SignalResume)
    def draw_again(self) -> None:
        """Draw everything after ctrl+z and `fg`. Textual draws only what has changed, and the terminal shows
        an empty screen until then.
        """
        self.refresh(layout=True)

    async def run_action(
        self,
        action: str | ActionParseResult,
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        """Run an action of a screen once the screen is there; if the screen has closed, do nothing."""
        screen = default_namespace
        if isinstance(screen, Screen):
            if screen not in self.screen_stack:
                return False
            if not screen.is_mounted:
                with suppress(TimeoutError):
                    await asyncio.wait_for(screen._mounted_event.wait(), _OPENS_WITHIN)
        return await super().run_action(action, default_namespace, namespaces)

    def pop_screen(self) -> AwaitComplete:
        """Close the screen on top, unless a screen asks that has closed already. A second Enter still
        reaches the dialog that the first one closed, and would close the page below as well.
        """
        asking = active_message_pump.get(None)
        if isinstance(asking, Screen) and asking not in self.screen_stack:
            return AwaitComplete()
        return super().pop_screen()

    def switch_mode(self, mode: str) -> AwaitMount:
        """Show another page, but none while the app ends: a key after q would open it amid the closing."""
        return AwaitMount(self.screen, []) if self._exit else super().switch_mode(mode)

    async def action_quit(self) -> None:
        """End once the changes that the user has asked for are written."""
        going = [w for w in self.workers if w.group == CHANGES and not w.is_finished]
        # Of one that fails is told by whoever waits for it; here it holds up nothing.
        with suppress(TimeoutError):
            async with asyncio.timeout(_CHANGES_WITHIN):
                await asyncio.gather(*(w.wait() for w in going), return_exceptions=True)
        self.exit()

    @property
    def _ends(self) -> bool:
        return self._exit or not self.is_running or not self.screen_stack

    def action_command_palette(self) -> None:
        """Open the palette, unless it is open."""
        if self.use_command_palette and not isinstance(self.screen, CommandPalette):
            self.push_screen(_Palette(id="--command-palette"))

    def search_themes(self) -> None:
        """Open a palette of all themes."""
        self.push_screen(_Palette(providers=[ThemeProvider], placeholder="Search for themes…"))


class _Palette(CommandPalette):
    """Textual's palette, which stands a search that outlives it, and keys that come early."""

    def run_worker(
        self,
        work: WorkType[ResultType],
        name: str | None = "",
        group: str = "default",
        description: str = "",
        exit_on_error: bool = True,
        start: bool = True,
        exclusive: bool = False,
        thread: bool = False,
    ) -> Worker[ResultType]:
        """Run the search, whose errors are ignored: they come from a list that has closed."""
        return super().run_worker(work, name, group, description, False, start, exclusive, thread)

    def _action_command_list(self, action: str) -> None:
        """Move in the list of commands, but not before it is laid out and knows its pages."""
        if self.query_one(CommandList).scrollable_content_region:
            super()._action_command_list(action)
