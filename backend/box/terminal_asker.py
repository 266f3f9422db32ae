"""Answers for a run without the app: secrets from the person at the terminal, host keys only by name."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

from backend.box.asker import HostKeyQuestion, UnattendedAsker
from backend.specs.quoting import printable


class TerminalAsker:
    """Accepts the one host key that was named beforehand; asks for passwords if there is a terminal."""

    def __init__(
        self, expected_fingerprint: str, quiet: Callable[[], AbstractContextManager[None]]
    ) -> None:
        """`quiet` gives a context in which nothing else writes to the terminal."""
        self._unattended = UnattendedAsker(expected_fingerprint)
        self._quiet = quiet

    @property
    def is_there(self) -> bool:
        return sys.stdin.isatty()

    async def accepts_host_key(self, question: HostKeyQuestion) -> bool:
        return await self._unattended.accepts_host_key(question)

    async def secret(self, prompt: str) -> str | None:
        if not self.is_there:
            return None
        with self._quiet(), _terminal_restored():
            return await _typed(printable(prompt))


async def _typed(prompt: str) -> str:
    """What a person types; a cancel does not wait for it.

    A daemon thread, because Python waits for every other kind at its end, and nothing ends `getpass`
    but the Enter key.
    """
    loop = asyncio.get_running_loop()
    typed: asyncio.Future[str] = loop.create_future()

    def tell(text: str) -> None:
        if not typed.done():
            typed.set_result(text)

    def ask() -> None:
        try:
            text = getpass.getpass(prompt)
        except EOFError:
            text = ""
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(tell, text)

    threading.Thread(target=ask, daemon=True).start()
    return await typed


@contextlib.contextmanager
def _terminal_restored() -> Iterator[None]:
    """Undo what `getpass` did to the terminal (no echo), when it is left in the middle."""
    try:
        before = termios.tcgetattr(sys.stdin)
    except termios.error:
        yield
        return
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
