"""The person at the app answers what reaching a box asks: one question at a time, each for a while only.

A link waits for its answer, so no question stays open for ever: an unanswered one counts as no, and is put
again later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from textual.app import App

if TYPE_CHECKING:
    from backend.box.asker import HostKeyQuestion
    from tui.dialogs.box_questions import BoxQuestion

T = TypeVar("T")

HOST_KEY_SECONDS = 600.0
"""Time to call the box's owner."""
SECRET_SECONDS = 100.0
"""A little less than sshd waits for a login (LoginGraceTime)."""


class AppAsker:
    """Asks by dialogs over whatever page is shown."""

    is_there = True

    def __init__(self, app: App[None], unanswered: Callable[[], object]) -> None:
        """`unanswered` is told when nobody answered in time."""
        self._app = app
        self._unanswered = unanswered
        self._turn = asyncio.Lock()

    async def accepts_host_key(self, question: HostKeyQuestion) -> bool:
        from tui.dialogs.box_questions import HostKeyDialog

        return await self._ask(HostKeyDialog(question), HOST_KEY_SECONDS) is True

    async def secret(self, prompt: str) -> str | None:
        from tui.dialogs.box_questions import SecretDialog

        return await self._ask(SecretDialog(prompt), SECRET_SECONDS)

    async def _ask(self, dialog: BoxQuestion[T], seconds: float) -> T | None:
        try:
            async with asyncio.timeout(seconds), self._turn:
                try:
                    self._app.push_screen(dialog)
                    return await dialog.answered
                finally:
                    dialog.withdraw()
        except TimeoutError:
            self._unanswered()
            return None
