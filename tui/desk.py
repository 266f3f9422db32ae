"""What the app is started with. Everything here can be made without a terminal, and replaced in tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from backend.config import Settings
from tui.planning import PromptPlanner
from tui.scanning import SpecSource


@dataclass(frozen=True, slots=True)
class Desk:
    """The user's settings, specs and queue."""

    settings: Settings
    """As they hold when the app starts."""
    reload: Callable[[], Settings]
    """Reads the settings anew, the command line's changes included. Blocks; raises ConfigError."""
    source: SpecSource
    make_planner: Callable[[Settings], PromptPlanner]
    queue: Path | None
    """The queue's file; None for an app that only looks at specs."""
    save_dir: Path = Path("outputs")
    """Where results go unless the user says otherwise."""
    log_file: Path | None = None
    """Where what boxes say is kept; None keeps it in memory alone."""
