"""Reads and advances the saved journal cursor of a box: how far the queue has read the box's journal.

Commands that talk to a box without the queue (doctor, limits) start at it and may advance it.
"""

from __future__ import annotations

from contextlib import closing

from backend.box.link import JournalCursor
from backend.store import Store, default_path


def read_journal_cursor(box: str) -> JournalCursor:
    """Read the cursor of a box; the box need not send earlier events again. Blocks."""
    with closing(Store(default_path())) as store:
        return JournalCursor(*store.seen(box))


def advance_journal_cursor(box: str, seen: JournalCursor, heard: JournalCursor) -> None:
    """Move the cursor from `seen` to `heard`, unless another process has moved it since. Blocks."""
    with closing(Store(default_path())) as store:
        if JournalCursor(*store.seen(box)) == seen:
            store.note_seen(box, heard.journal, heard.seq)
