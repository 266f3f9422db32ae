"""Asks the user of the app what reaching a box needs to know, one question at a time.

A link waits for its answer, so no question stays open for ever. An unanswered one counts as no, and is put
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
"""Seconds to answer a question about a host key, which leaves time to call the box's owner."""
SECRET_SECONDS = 100.0
"""Seconds to type a secret, a little less than sshd waits for a login (LoginGraceTime)."""


class AppAsker:
    """Asks with dialogs over the page that is shown."""

    is_there = True

    def __init__(self, app: App[None], unanswered: Callable[[], object]) -> None:
        """`unanswered` is called when nobody answered in time."""
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
