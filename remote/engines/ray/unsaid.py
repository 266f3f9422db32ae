"""What a replica has to say of its answers and has not said yet.

Each message between nodes costs about a millisecond of processor time, however little it says. So one message
carries what has come of all answers of a replica, and waits for a moment for more.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter

from remote.engines.ray.bounded import bounded
from remote.engines.ray.messages import Done, Held, Piece, Text, Trouble

BUNCH_SECONDS = 0.1
"""Seconds between two messages."""


class Unsaid:
    """The pieces of all answers, in order for each. Make one inside its event loop."""

    def __init__(self) -> None:
        self._pieces: dict[int, list[Piece]] = {}
        self._said: Counter[int] = Counter()
        """How many pieces of an answer were taken, by its number."""
        self._has_some = asyncio.Event()
        self._last = -BUNCH_SECONDS
        """When something was taken last."""

    def add(self, piece: Text | Held) -> None:
        """Add a piece of an answer. A text is joined to the text before it."""
        pieces = self._pieces.setdefault(piece.number, [])
        if pieces and isinstance(piece, Text) and isinstance(pieces[-1], Text):
            pieces[-1] = Text(piece.number, pieces[-1].text + piece.text)
        else:
            pieces.append(piece)
        self._has_some.set()

    async def take(self, seconds: float) -> list[Piece]:
        """Wait for pieces, and take all that have come; none when none comes for so many seconds."""
        with contextlib.suppress(asyncio.TimeoutError):
            await bounded(self._has_some.wait(), seconds)
        await asyncio.sleep(max(self._last + BUNCH_SECONDS - time.monotonic(), 0))
        self._has_some.clear()
        self._last = time.monotonic()
        taken, self._pieces = self._pieces, {}
        for number, pieces in taken.items():
            self._said[number] += len(pieces)
        return [piece for pieces in taken.values() for piece in pieces]

    def end(self, end: Done | Trouble) -> tuple[int, list[Piece]]:
        """Take what is left of an answer that has ended, with its end. Returns first how many of its pieces
        were taken before.
        """
        left = self._pieces.pop(end.number, [])
        return self._said.pop(end.number, 0), [*left, end]
