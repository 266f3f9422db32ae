"""Limits the time of a login. Machines get seconds; a person who is asked gets minutes.

An SSH login asks its questions in the middle, so the clock for machines is stopped while a question is open.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

from backend.box.asker import Asker, HostKeyQuestion

QUESTION_SECONDS = 630.0
"""Seconds for an answer: enough to call the box's owner, and a little more than the app's dialogs stay open.
A question without an answer counts as no."""


@contextlib.asynccontextmanager
async def limit_login_time(seconds: float, asker: Asker) -> AsyncIterator[Asker]:
    """Limit the time of the block, without the time of questions to the user.

    Yields the asker that must be used for questions inside the block. Raises TimeoutError.
    """
    async with asyncio.timeout(seconds) as bound:
        yield _ClockStoppingAsker(asker, bound, seconds)


class _ClockStoppingAsker:
    """Passes questions on, and stops the clock until they are answered."""

    def __init__(self, asker: Asker, bound: asyncio.Timeout, seconds: float) -> None:
        self._asker = asker
        self._bound = bound
        self._seconds = seconds

    @property
    def is_there(self) -> bool:
        return self._asker.is_there

    async def accepts_host_key(self, question: HostKeyQuestion) -> bool:
        with self._clock_stopped(), contextlib.suppress(TimeoutError):
            async with asyncio.timeout(QUESTION_SECONDS):
                return await self._asker.accepts_host_key(question)
        return False

    async def secret(self, prompt: str) -> str | None:
        with self._clock_stopped(), contextlib.suppress(TimeoutError):
            async with asyncio.timeout(QUESTION_SECONDS):
                return await self._asker.secret(prompt)
        return None

    @contextlib.contextmanager
    def _clock_stopped(self) -> Iterator[None]:
        self._bound.reschedule(None)
        try:
            yield
        finally:
            # asyncssh may ask in a task that ends shortly after the login.
            with contextlib.suppress(RuntimeError):
                self._bound.reschedule(asyncio.get_running_loop().time() + self._seconds)
