"""How long a login may take: machines have seconds, a person who is asked has minutes.

Both stand in the same wait, because an SSH login asks in its middle. So the machines' clock stands still
while a question is open.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

from backend.box.asker import Asker, HostKeyQuestion

QUESTION_SECONDS = 630.0
"""Time to call the box's owner, and a little more than the app's dialogs stay open. A question that nobody
answers counts as no."""


@contextlib.asynccontextmanager
async def limit_login_time(seconds: float, asker: Asker) -> AsyncIterator[Asker]:
    """Bound everything inside that is not a question; gives the asker for those.

    Raises TimeoutError.
    """
    async with asyncio.timeout(seconds) as bound:
        yield _PatientAsker(asker, bound, seconds)


class _PatientAsker:
    """Passes questions on, and stops the clock meanwhile."""

    def __init__(self, asker: Asker, bound: asyncio.Timeout, seconds: float) -> None:
        self._asker = asker
        self._bound = bound
        self._seconds = seconds

    @property
    def is_there(self) -> bool:
        return self._asker.is_there

    async def accepts_host_key(self, question: HostKeyQuestion) -> bool:
        with self._stopped(), contextlib.suppress(TimeoutError):
            async with asyncio.timeout(QUESTION_SECONDS):
                return await self._asker.accepts_host_key(question)
        return False

    async def secret(self, prompt: str) -> str | None:
        with self._stopped(), contextlib.suppress(TimeoutError):
            async with asyncio.timeout(QUESTION_SECONDS):
                return await self._asker.secret(prompt)
        return None

    @contextlib.contextmanager
    def _stopped(self) -> Iterator[None]:
        self._bound.reschedule(None)
        try:
            yield
        finally:
            # asyncssh may ask in a task that outlives the login by a moment.
            with contextlib.suppress(RuntimeError):
                self._bound.reschedule(asyncio.get_running_loop().time() + self._seconds)
