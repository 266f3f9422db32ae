"""What the app is started with. Everything here can be made without a terminal, and replaced in tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from backend.config import Settings, Table
from backend.tokens import TextCounter
from tui.specs.frames.pictures import PictureBook
from tui.specs.frames.pixel_graphics import PixelGraphics
from tui.specs.planning import PromptPlanner
from tui.specs.scanning import SpecSource


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
    pictures: PictureBook | None = field(default=None, kw_only=True)
    """Keeps the pictures of frames; None for an app that shows none."""
    graphics: PixelGraphics | None = field(default=None, kw_only=True)
    """Draws them in pixels; None draws them in half-blocks."""
    counter: TextCounter = field(default_factory=TextCounter, kw_only=True)
    """Counts text for what is weighed outside the planner; one vocabulary in memory is enough."""
    changes: Callable[[], Table] = dict
    """What the command line changes, as `reload` heeds it. Blocks; raises ConfigError."""
    open_source: Callable[[Sequence[Path]], SpecSource] | None = None
    """Makes a source of other files and folders; None where there are no others."""
    memory: Path | None = None
    """Where is kept how the app was left; None remembers nothing."""
