"""What the app is started with. Everything here can be made without a terminal, and tests replace it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from backend.tokens import TextCounter

if TYPE_CHECKING:
    from backend.config import Settings, Table
    from tui.frames.pictures import PictureBook
    from tui.frames.pixel_graphics import PixelGraphics
    from tui.specs.planning import PromptPlanner
    from tui.specs.scanning import SpecSource


@dataclass(frozen=True, slots=True)
class Desk:
    """The settings, specs, queue and files that the app works with."""

    settings: Settings | None
    """The settings that hold when the app starts; None before they are read, see `fill`."""
    reload: Callable[[], Settings]
    """Reads the settings again, with the changes of the command line. Blocks; raises ConfigError."""
    source: SpecSource
    make_planner: Callable[[Settings], PromptPlanner]
    queue: Path | None
    """The queue's file; None for an app that only looks at specs."""
    save_dir: Path = Path("outputs")
    """Where results go unless the user says otherwise."""
    log_file: Path | None = None
    """The file for the log lines of boxes; None keeps them in memory alone."""
    pictures: PictureBook | None = field(default=None, kw_only=True)
    """Reads and keeps the pictures of frames; None for an app that shows none."""
    graphics: PixelGraphics | None = field(default=None, kw_only=True)
    """Draws pictures in pixels; None draws them in half-blocks."""
    counter: TextCounter = field(default_factory=TextCounter, kw_only=True)
    """Counts tokens for everything but the planner. All share it, because one vocabulary in memory is
    enough."""
    changes: Callable[[], Table] = dict
    """Returns the settings that the command line changes. Blocks; raises ConfigError."""
    open_source: Callable[[Sequence[Path]], SpecSource] | None = None
    """Makes a source of other files and folders; None if the app cannot open any."""
    keymap: Mapping[str, str] = field(default_factory=dict)
    """The user's own keys, by the ids of bindings."""
    themes: Path | None = None
    """The folder of the user's themes; None for an app without."""
    memory: Path | None = None
    """The file that remembers how the app was left; None remembers nothing."""
    fill: Callable[[Desk], Desk] | None = None
    """Reads the settings, and adds what the first frame does without. Blocks; raises ConfigError. None if
    nothing is missing."""
