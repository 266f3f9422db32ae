"""Those who talk to a box beside the queue leave the queue where it belongs."""

from __future__ import annotations

from contextlib import closing

from backend.box.link import Seen
from backend.dispatch.journal_cursor import pass_over, read_seen
from backend.store import Store, default_path


def test_the_queue_passes_over_what_was_not_for_it_unless_it_went_on_itself() -> None:
    assert read_seen("h100") == Seen()
    with closing(Store(default_path())) as store:
        store.note_seen("h100", "journal", 7)
    assert read_seen("h100") == Seen("journal", 7)

    pass_over("h100", Seen("journal", 7), Seen("journal", 20))
    assert read_seen("h100") == Seen("journal", 20)

    pass_over("h100", Seen("journal", 7), Seen("journal", 30))
    assert read_seen("h100") == Seen("journal", 20)
