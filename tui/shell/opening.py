"""Opens the app on the files and folders that the user named, with everything that it works with."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from backend.config import Settings, Table
from backend.console import safe, say
from backend.files.index import default_index
from backend.planning.box_planner import make_planner
from backend.specs.tables.columns import ANY_COLUMNS, WantedColumns
from backend.tokens import TextCounter
from backend.video import VideoIndex
from tui.app import UpsampleApp
from tui.frames.pictures import KEPT, KEPT_LARGE, PictureBook
from tui.frames.pixel_graphics import find_pixel_graphics
from tui.log.file import default_log_file
from tui.shell.desk import Desk
from tui.shell.key_check import make_keymap
from tui.shell.user_themes import themes_folder
from tui.specs.scanning import SpecSource
from tui.state.memory import default_memory

_TURN_SECONDS = 0.0005
"""Seconds that a thread may compute while another waits for the interpreter. With Python's usual 5 ms, each
key and each read of a file would wait that long while a thread reads specs or counts tokens."""


def run(
    settings: Settings,
    paths: Sequence[Path],
    reload: Callable[[], Settings],
    save_dir: Path,
    changes: Callable[[], Table] = dict,
    columns: WantedColumns = ANY_COLUMNS,
) -> None:
    """Show the specs in these files and folders until the user quits; then say which work goes on.

    `columns` are the columns of tables as the user names them; they do not hold for what is opened later.
    Raises ConfigError before anything is drawn when the settings name a box or profile that does not exist,
    or keys that cannot be.
    """
    from backend.dispatch.runs.still_running import describe_still_running
    from backend.store import Store, default_path

    settings.box_named(None)
    keymap = make_keymap(settings.keys, UpsampleApp)
    sys.setswitchinterval(_TURN_SECONDS)
    counter = TextCounter()
    graphics = find_pixel_graphics()
    videos = VideoIndex(default_index())
    desk = Desk(
        settings=settings,
        reload=reload,
        source=SpecSource.on_disk(paths, Path.cwd(), default_index(), columns),
        make_planner=lambda settings: make_planner(settings, counter, videos.probe),
        queue=default_path(),
        save_dir=save_dir,
        log_file=default_log_file(),
        counter=counter,
        pictures=PictureBook(KEPT if graphics is None else KEPT_LARGE),
        graphics=graphics,
        changes=changes,
        open_source=lambda paths: SpecSource.on_disk(paths, Path.cwd(), default_index()),
        keymap=keymap,
        themes=themes_folder(),
        memory=default_memory(),
    )
    app = UpsampleApp(desk)
    with closing(videos):
        app.run()
    if not app.queue_trouble:
        with closing(Store(default_path())) as store:
            for line in describe_still_running(store.unended(), "open upsample again"):
                say(safe(line))
