"""The saved journal cursor of each box: how far the queue has read the box's journal.

Commands that talk to a box beside the queue (doctor, limits) start from it and may move it on.
"""

from __future__ import annotations

from contextlib import closing

from backend.box.link import JournalCursor
from backend.store import Store, default_path


def read_journal_cursor(box: str) -> JournalCursor:
    """Read the cursor of a box; it need not send what came before again. Blocks."""
    with closing(Store(default_path())) as store:
        return JournalCursor(*store.seen(box))


def advance_journal_cursor(box: str, seen: JournalCursor, heard: JournalCursor) -> None:
    """Move the cursor from `seen` to `heard`, unless the queue has moved it meanwhile. Blocks."""
    with closing(Store(default_path())) as store:
        if JournalCursor(*store.seen(box)) == seen:
            store.note_seen(box, heard.journal, heard.seq)
