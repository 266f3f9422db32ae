"""Answers for a run without the app: secrets from the person at the terminal, host keys only by name."""

from __future__ import annotations

import asyncio
import getpass
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager

from backend.box.asker import HostKeyQuestion, Nobody
from backend.specs.quoting import printable


class TerminalAsker:
    """Accepts the one host key that was named beforehand; asks for passwords if there is a terminal."""

    def __init__(
        self, expected_fingerprint: str, quiet: Callable[[], AbstractContextManager[None]]
    ) -> None:
        """`quiet` gives a context in which nothing else writes to the terminal."""
        self._unattended = Nobody(expected_fingerprint)
        self._quiet = quiet

    @property
    def is_there(self) -> bool:
        return sys.stdin.isatty()

    async def accepts_host_key(self, question: HostKeyQuestion) -> bool:
        return await self._unattended.accepts_host_key(question)

    async def secret(self, prompt: str) -> str | None:
        if not self.is_there:
            return None
        with self._quiet():
            return await asyncio.to_thread(getpass.getpass, printable(prompt))
