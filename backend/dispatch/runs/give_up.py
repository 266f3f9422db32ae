"""Ends a run without the app when its box makes no progress for too long, because it cannot be reached any
more or its model server is away. A box that works slowly, or starts its engine, is never given up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from backend.box.status_text import away_words, is_ready
from backend.errors import BoxUnreachable
from backend.events import (
    BoxStatus,
    EngineStarting,
    Event,
    JobDone,
    LinkChanged,
    LinkState,
    TextWritten,
)


class GiveUpTimer:
    """Hears the events of one box, and measures for how long it has made no progress."""

    def __init__(self, box: str, limit: float, watch: Callable[[Event], None]) -> None:
        """`limit` is the number of seconds without progress, 0 for no limit. `watch` is called with every
        event that is heard.
        """
        self._box = box
        self._limit = limit
        self._watch = watch
        self._reason = ""
        self._is_away = False
        """Whether the model server was away when that was heard last."""
        self._timer: asyncio.TimerHandle | None = None
        self._expired = asyncio.Event()

    def hear(self, event: Event) -> None:
        """Pass the event on. Trouble starts the timer unless it runs already, and progress stops it."""
        self._watch(event)
        match event:
            case LinkChanged(state=LinkState.RETRYING):
                # A link that is live again is no progress yet, because it may break at once.
                self._note_trouble(event.detail)
            case EngineStarting() | BoxStatus():
                away = away_words(event.stage)
                if away:
                    self._is_away = True
                    self._note_trouble(away)
                elif isinstance(event, BoxStatus) or not self._is_away or is_ready(event.stage):
                    self.stop()
                # A start of a server that did not start before is no progress yet.
            case TextWritten() | JobDone():
                self.stop()

    async def wait(self) -> None:
        """Wait until the limit is reached. Raises BoxUnreachable then."""
        await self._expired.wait()
        raise self.error()

    @property
    def is_expired(self) -> bool:
        """Whether the limit is reached, and there was no progress since."""
        return self._expired.is_set()

    def error(self) -> BoxUnreachable:
        """Return the error for a box that has made no progress for too long."""
        again = f"`upsample --no-ui --box {self._box}`"
        return BoxUnreachable(
            f"{self._box} has made no progress for {self._limit:,g} s: {self._reason}",
            f"Nothing is lost: the jobs stay in the queue, and what the box has stays there. {again} goes on "
            "with them. `upsample config set queue.give_up_after SECONDS` makes a run wait longer.",
        )

    def stop(self) -> None:
        """Stop measuring, until the next trouble."""
        self._is_away = False
        self._expired.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _note_trouble(self, reason: str) -> None:
        self._reason = reason
        if self._timer is None and self._limit:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._limit, self._expired.set)
