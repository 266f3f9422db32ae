"""The terminal app. It starts a screen; what outlives a screen (sessions with boxes) will live here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual.app import App
from textual.binding import Binding, BindingType

from backend.config import Settings
from backend.plan import Planner
from backend.tokens import TextCounter
from tui.planning import PromptPlanner
from tui.scanning import SpecSource
from tui.screens.specs import SpecsScreen


class UpsampleApp(App[None]):
    """`upsample` without `--no-ui`."""

    TITLE = "upsample"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("q", "quit", "quit")]

    def __init__(self, settings: Settings, source: SpecSource, planner: PromptPlanner) -> None:
        super().__init__()
        self._settings = settings
        self._source = source
        self._planner = planner

    def on_mount(self) -> None:
        """Show the list of specs."""
        # Not as the default screen: Textual does not load that one's CSS.
        self.push_screen(SpecsScreen(self._settings, self._source, self._planner))

    def action_help_quit(self) -> None:
        """What ctrl+c does: people press it to copy, so it ends nothing."""
        self.notify("q quits; ctrl+c does not.", markup=False)


def run(settings: Settings, paths: Sequence[Path]) -> None:
    """Show the specs in these files and folders until the user quits.

    Raises ConfigError before anything is drawn when the settings name no box or profile that exists.
    """
    settings.box_named(None)
    planner = Planner(settings.upsampling, TextCounter())
    UpsampleApp(settings, SpecSource.on_disk(paths, Path.cwd()), planner).run()
