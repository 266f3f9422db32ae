"""Reads the settings and makes what the app's first frame does without. Imported once that is drawn."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace

from backend.files.index import default_index
from backend.planning.box_planner import make_planner
from backend.video import VideoIndex
from tui.app import UpsampleApp
from tui.frames.pictures import KEPT, KEPT_LARGE, PictureBook
from tui.log.file import default_log_file
from tui.shell.desk import Desk
from tui.shell.key_check import make_keymap


def fill_desk(desk: Desk, opened: ExitStack) -> Desk:
    """Return the desk with everything. `opened` closes what stays open as long as the app.

    Raises ConfigError when the settings name a box or profile that does not exist, or keys that cannot be.
    """
    settings = desk.reload()
    settings.box_named(None)
    keymap = make_keymap(settings.keys, UpsampleApp)
    videos = VideoIndex(default_index())
    opened.callback(videos.close)
    return replace(
        desk,
        settings=settings,
        make_planner=lambda settings: make_planner(settings, desk.counter, videos.probe),
        pictures=PictureBook(KEPT if desk.graphics is None else KEPT_LARGE),
        log_file=default_log_file(),
        keymap=keymap,
        fill=None,
    )
