"""An app with the themes and keys that its user has chosen."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

from textual.app import SystemCommand
from textual.screen import Screen
from textual.worker import Worker

from backend.config.places import LOCAL_FILE, user_file
from backend.errors import ConfigError, UpsampleError
from tui.shell.announcing_app import AnnouncingApp
from tui.shell.config_watch import ConfigWatch
from tui.shell.desk import Desk
from tui.shell.palette import list_commands
from tui.shell.work import Work, start_work
from tui.state.memory import Memory
from tui.text import paragraphs
from tui.themes import DARK, HIGH_CONTRAST
from tui.widgets.own_keys import use_own_keys

if TYPE_CHECKING:
    from backend.config import Settings
    from tui.shell.user_themes import ReadTheme

_LOOK_SECONDS = 2.0
"""Seconds between two looks at the config files."""


class PersonalApp(AnnouncingApp):
    """The base of the app that remembers its theme."""

    desk: Desk
    memory: Memory

    def take_up_keys(self) -> None:
        """Use the keys of the user's config."""
        self.set_keymap(dict(self.desk.keymap))
        use_own_keys(self.desk.keymap)

    def take_up_themes(self) -> None:
        """Use the theme that was used last, which may be one of the user's own."""
        self.register_theme(HIGH_CONTRAST)
        for theme in self._own_themes():
            if isinstance(theme, ConfigError):
                told = paragraphs(str(theme))
                self.notify(told, title="A theme", severity="warning", markup=False)
            else:
                self.register_theme(theme)
        self.action_use_theme(self.memory.recall("theme", DARK))
        self.theme_changed_signal.subscribe(self, lambda theme: self.remember("theme", theme.name))

    def _own_themes(self) -> Iterable[ReadTheme]:
        if self.desk.themes is None or not self.desk.themes.is_dir():
            return ()
        # Most users have none, and reading them takes the import of what checks settings.
        from tui.shell.user_themes import read_themes

        return read_themes(self.desk.themes)

    def watch_config(self) -> None:
        """Take up what changes in the config files while the app is open."""
        watch = ConfigWatch((user_file(), LOCAL_FILE.absolute()))
        self._look_later(partial(self._look_at_config, watch))

    def _look_later(self, look: Work) -> None:
        self.set_timer(_LOOK_SECONDS, lambda: self._start_look(look))

    def _start_look(self, look: Work) -> Worker[None]:
        # One look after the other, and none that is cut short: each change is seen by one look alone.
        async def look_again_later() -> None:
            try:
                await look()
            finally:
                self._look_later(look)

        return start_work(self, look_again_later, "config")

    async def _look_at_config(self, watch: ConfigWatch) -> None:
        if not await asyncio.to_thread(watch.has_changed):
            return
        try:
            settings = await asyncio.to_thread(self.desk.reload)
            settings.box_named(None)  # one that is not there cannot be used
        except UpsampleError as error:
            told = f"{error}\nThe settings of before still hold."
            self.notify(paragraphs(told), title="Settings", severity="error", markup=False)
            return
        if settings != self.settings:
            self.change_settings(settings)
            self.notify("The config has changed, and holds from now on.", markup=False)

    def change_settings(self, settings: Settings) -> None:
        """Use these settings from now on."""
        raise NotImplementedError

    def remember(self, name: str, fact: str) -> None:
        """Remember how the app was left."""
        self.memory.remember(name, fact)

    def action_use_theme(self, name: str) -> None:
        """Use the theme of that name, if there is one."""
        if name in self.available_themes:
            self.theme = name

    @property
    def pages(self) -> tuple[str, ...]:
        """The names of the pages, in the order of their keys."""
        raise NotImplementedError

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        return list_commands(self, screen, self.pages)
