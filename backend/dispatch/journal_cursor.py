"""How far the user's queue has followed a box's journal, for those who talk to the box beside the queue."""

from __future__ import annotations

from contextlib import closing

from backend.box.link import Seen
from backend.store import Store, default_path


def read_seen(box: str) -> Seen:
    """What came before need not be sent again. Blocks."""
    with closing(Store(default_path())) as store:
        return Seen(*store.seen(box))


def pass_over(box: str, seen: Seen, heard: Seen) -> None:
    """Let the queue pass over what came since `seen`, up to `heard`, unless it went on meanwhile. Blocks."""
    with closing(Store(default_path())) as store:
        if Seen(*store.seen(box)) == seen:
            store.note_seen(box, heard.journal, heard.seq)
