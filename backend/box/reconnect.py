"""Keeps a link to one box: makes it, watches it, makes it again, and says how it stands.

What is said over a link is none of its business, and neither is what was missed meanwhile: each visit
begins where the last one ended, because whoever visits says how far that was.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager

from backend.box.asker import Asker, HostKeyQuestion
from backend.box.backoff import Backoff
from backend.box.link import Box, JournalCursor, Link, open_link
from backend.errors import BoxUnreachable
from backend.events import LinkChanged, LinkState

STEADY_SECONDS = 10.0
"""A link that held so long makes the next failure a first one. One that breaks at once is no success."""


class LinkKeeper:
    """For one run of a dispatcher."""

    def __init__(
        self, box: Box, asker: Asker, watch: Callable[[LinkChanged], None], *, look: bool
    ) -> None:
        """`look` as for `open_link`; `watch` hears how the link stands."""
        self._box = box
        self._asker = _TellingAsker(asker, self._tell)
        self._watch = watch
        self._look = look
        self._engine: str | None = None
        """What answered at the last visit; None before the first."""

    async def keep(
        self,
        how_far: Callable[[], Awaitable[JournalCursor]],
        visit: Callable[[Link, JournalCursor], Awaitable[None]],
    ) -> None:
        """Visit the box again and again, until cancelled.

        A visit ends with its link, by BoxUnreachable. Raises BoxUnreachable when the first link does not
        come about, and every other BoxError whenever it comes.
        """
        backoff = Backoff()
        while True:
            self._tell(LinkState.CONNECTING)
            seen = await how_far()
            try:
                async with self._link(seen) as link:
                    self._engine = link.welcome.engine
                    self._tell(LinkState.LIVE, self._engine)
                    with _rewarded(backoff):
                        await visit(link, seen)
            except BoxUnreachable as error:
                if self._engine is None:
                    raise
                wait = backoff.next()
                self._watch(LinkChanged(self._box.name, LinkState.RETRYING, error.problem, wait))
                await backoff.wait(wait)

    def _link(self, seen: JournalCursor) -> AbstractAsyncContextManager[Link]:
        return open_link(self._box, self._asker, seen, look=self._look, heed=self._heed)

    def _heed(self, silence: float | None) -> None:
        if silence is None:
            self._tell(LinkState.LIVE, self._engine or "")
        else:
            stale = LinkChanged(self._box.name, LinkState.STALE, "", silent_for=silence)
            self._watch(stale)

    def _tell(self, state: LinkState, detail: str = "") -> None:
        self._watch(LinkChanged(self._box.name, state, detail))


@contextlib.contextmanager
def _rewarded(backoff: Backoff) -> Iterator[None]:
    """Forget earlier failures if this lasts."""
    reward = asyncio.get_running_loop().call_later(STEADY_SECONDS, backoff.reset)
    try:
        yield
    finally:
        reward.cancel()


class _TellingAsker:
    """Says that somebody is asked, for as long as that takes."""

    def __init__(self, asker: Asker, tell: Callable[[LinkState, str], None]) -> None:
        self._asker = asker
        self._tell = tell

    @property
    def is_there(self) -> bool:
        return self._asker.is_there

    async def accepts_host_key(self, question: HostKeyQuestion) -> bool:
        with self._waiting(f"is this the key of {question.host}? {question.fingerprint}"):
            return await self._asker.accepts_host_key(question)

    async def secret(self, prompt: str) -> str | None:
        with self._waiting(prompt):
            return await self._asker.secret(prompt)

    @contextlib.contextmanager
    def _waiting(self, question: str) -> Iterator[None]:
        # Not at once: where nobody is there, the answer needs no wait.
        telling = asyncio.get_running_loop().call_soon(self._tell, LinkState.WAITING, question)
        try:
            yield
        finally:
            telling.cancel()
            self._tell(LinkState.CONNECTING, "")
