"""Keeps a link to one box: opens it, opens it again after it breaks, and reports its state.

A visit is one use of a link. The caller exchanges the messages, and says with each visit how far it has
read the journal, so that nothing is missed between two visits.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager

from backend.box.asker import Asker, HostKeyQuestion
from backend.box.links.backoff import Backoff
from backend.box.links.link import Box, JournalCursor, Link, open_link
from backend.errors import BoxRefusedLogin, BoxUnreachable
from backend.events import LinkChanged, LinkState

STEADY_SECONDS = 10.0
"""Seconds that a link must hold to reset the backoff. A link that breaks at once is not a success."""


class LinkKeeper:
    """Keeps the link during one run of a dispatcher."""

    def __init__(
        self, box: Box, asker: Asker, watch: Callable[[LinkChanged], None], *, look: bool
    ) -> None:
        """`look` is as for `open_link`; `watch` is called at each change of the link's state."""
        self._box = box
        self._asker = _TellingAsker(asker, self._tell)
        self._watch = watch
        self._look = look
        self._engine: str | None = None
        """The engine at the last visit; None before the first visit."""

    async def keep(
        self,
        how_far: Callable[[], Awaitable[JournalCursor]],
        visit: Callable[[Link, JournalCursor], Awaitable[None]],
    ) -> None:
        """Visit the box again and again, until cancelled.

        `visit` must raise BoxUnreachable when its link ends. Raises BoxUnreachable and BoxRefusedLogin when
        the first link cannot be opened, and every other BoxError at any time. A login that is refused after
        a link was live is a state of the box, which may just have booted: it is tried again. It ends this
        only if a person was asked for a password or passphrase for it, because that person is there and
        would be asked again and again.
        """
        backoff = Backoff()
        while True:
            self._tell(LinkState.CONNECTING)
            self._asker.was_asked = False
            seen = await how_far()
            try:
                async with self._link(seen) as link:
                    self._engine = link.welcome.engine
                    self._tell(LinkState.LIVE, self._engine)
                    with _reset_after_success(backoff):
                        await visit(link, seen)
            except (BoxUnreachable, BoxRefusedLogin) as error:
                if self._engine is None:
                    raise
                if isinstance(error, BoxRefusedLogin) and self._asker.was_asked:
                    raise
                wait = backoff.next()
                self._watch(LinkChanged(self._box.name, LinkState.RETRYING, error.problem, wait))
                await backoff.wait(wait)

    def _link(self, seen: JournalCursor) -> AbstractAsyncContextManager[Link]:
        return open_link(self._box, self._asker, seen, look=self._look, on_stale=self._tell_stale)

    def _tell_stale(self, silence: float | None) -> None:
        if silence is None:
            self._tell(LinkState.LIVE, self._engine or "")
        else:
            stale = LinkChanged(self._box.name, LinkState.STALE, "", silent_for=silence)
            self._watch(stale)

    def _tell(self, state: LinkState, detail: str = "") -> None:
        self._watch(LinkChanged(self._box.name, state, detail))


@contextlib.contextmanager
def _reset_after_success(backoff: Backoff) -> Iterator[None]:
    """Reset the backoff when the block lasts for STEADY_SECONDS."""
    timer = asyncio.get_running_loop().call_later(STEADY_SECONDS, backoff.reset)
    try:
        yield
    finally:
        timer.cancel()


class _TellingAsker:
    """Passes questions on, and reports the state "waiting for you" until they are answered."""

    def __init__(self, asker: Asker, tell: Callable[[LinkState, str], None]) -> None:
        self._asker = asker
        self._tell = tell
        self.was_asked = False
        """Whether a person was asked for a secret. The keeper clears it before each connection."""

    @property
    def is_there(self) -> bool:
        return self._asker.is_there

    async def accepts_host_key(self, question: HostKeyQuestion) -> bool:
        with self._waiting(f"is this the key of {question.host}? {question.fingerprint}"):
            return await self._asker.accepts_host_key(question)

    async def secret(self, prompt: str) -> str | None:
        self.was_asked = self.was_asked or self._asker.is_there
        with self._waiting(prompt):
            return await self._asker.secret(prompt)

    @contextlib.contextmanager
    def _waiting(self, question: str) -> Iterator[None]:
        # Reported a moment later, because an answer without a person comes at once.
        telling = asyncio.get_running_loop().call_soon(self._tell, LinkState.WAITING, question)
        try:
            yield
        finally:
            telling.cancel()
            self._tell(LinkState.CONNECTING, "")
