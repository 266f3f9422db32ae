"""Opens the app on the files and folders that the user named, with everything that it works with."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from backend.config.places import themes_folder
from backend.console import safe, say
from backend.files.index import default_index
from backend.specs.tables.columns import ANY_COLUMNS, WantedColumns
from backend.store import default_path
from tui.app import UpsampleApp
from tui.frames.pixel_graphics import find_pixel_graphics
from tui.shell.desk import Desk
from tui.specs.scanning import SpecSource
from tui.state.memory import default_memory

if TYPE_CHECKING:
    from backend.config import Settings, Table
    from tui.specs.planning import PromptPlanner

_TURN_SECONDS = 0.0005
"""Seconds that a thread may compute while another waits for the interpreter. With Python's usual 5 ms, each
key and each read of a file would wait that long while a thread reads specs or counts tokens."""


def run(
    paths: Sequence[Path],
    reload: Callable[[], Settings],
    save_dir: Path,
    changes: Callable[[], Table] = dict,
    columns: WantedColumns = ANY_COLUMNS,
) -> None:
    """Show the specs in these files and folders until the user quits; then say which work goes on.

    `columns` are the columns of tables as the user names them; they do not hold for what is opened later.
    Raises ConfigError when the settings name a box or profile that does not exist, or keys that cannot be.
    With nothing but `paths`, that is found once the first specs are drawn, and the app ends.
    """
    sys.setswitchinterval(_TURN_SECONDS)
    with ExitStack() as opened:
        desk = Desk(
            settings=None,
            reload=reload,
            source=SpecSource.on_disk(paths, Path.cwd(), default_index(), columns),
            make_planner=_no_planner,
            queue=default_path(),
            save_dir=save_dir,
            graphics=find_pixel_graphics(),
            changes=changes,
            open_source=lambda paths: SpecSource.on_disk(paths, Path.cwd(), default_index()),
            themes=themes_folder(),
            memory=default_memory(),
            fill=partial(_fill, opened=opened),
        )
        # Without paths, the page of the last time is drawn at once, and it may need everything.
        is_plain = bool(paths) and changes is dict
        app = UpsampleApp(desk if is_plain else _fill(desk, opened))
        app.run()
    if app.trouble is not None:
        raise app.trouble
    if not app.queue_trouble:
        _tell_what_goes_on()


def _fill(desk: Desk, opened: ExitStack) -> Desk:
    from tui.shell.filling import fill_desk

    return fill_desk(desk, opened)


def _no_planner(_: Settings) -> PromptPlanner:
    raise LookupError("the desk is not filled yet")


def _tell_what_goes_on() -> None:
    from backend.dispatch.runs.still_running import describe_still_running
    from backend.store import Store

    with closing(Store(default_path())) as store:
        for line in describe_still_running(store.unended(), "open upsample again"):
            say(safe(line))
