"""A board that is opened again, as the next daemon does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from remote.jobs.board import Board
from remote.jobs.journal import Journal

Open = Callable[[], Board]


@pytest.fixture
def reopen(tmp_path: Path) -> Iterator[Open]:
    """Opens the board as the next daemon does."""
    journals: list[Journal] = []

    def open_board() -> Board:
        if journals:
            journals.pop().close()
        journals.append(Journal(tmp_path / "journal"))
        return Board(journals[0])

    yield open_board
    for journal in journals:
        journal.close()
