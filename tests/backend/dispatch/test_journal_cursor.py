"""Commands that talk to a box without the queue do not move the queue's journal cursor wrongly."""

from __future__ import annotations

from contextlib import closing

from backend.box.link import JournalCursor
from backend.dispatch.journal_cursor import advance_journal_cursor, read_journal_cursor
from backend.store import Store, default_path


def test_the_queue_passes_over_what_was_not_for_it_unless_it_went_on_itself() -> None:
    assert read_journal_cursor("h100") == JournalCursor()
    with closing(Store(default_path())) as store:
        store.note_seen("h100", "journal", 7)
    assert read_journal_cursor("h100") == JournalCursor("journal", 7)

    advance_journal_cursor("h100", JournalCursor("journal", 7), JournalCursor("journal", 20))
    assert read_journal_cursor("h100") == JournalCursor("journal", 20)

    advance_journal_cursor("h100", JournalCursor("journal", 7), JournalCursor("journal", 30))
    assert read_journal_cursor("h100") == JournalCursor("journal", 20)
