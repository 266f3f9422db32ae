"""Answers questions in a run without the app: asks for secrets at the terminal."""

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
    """Accepts only the host key that was given beforehand, and asks for passwords where there is a
    terminal."""

    def __init__(
        self, expected_fingerprint: str, quiet: Callable[[], AbstractContextManager[None]]
    ) -> None:
        """`quiet` returns a context in which nothing else writes to the terminal."""
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
            return await _read_secret(printable(prompt))


async def _read_secret(prompt: str) -> str:
    """Return what the user types. Cancelling does not wait for the user.

    It runs in a daemon thread: only the Enter key ends `getpass`, and Python waits for other threads at exit.
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
        with contextlib.suppress(RuntimeError):  # the event loop may be closed by now
            loop.call_soon_threadsafe(tell, text)

    threading.Thread(target=ask, daemon=True).start()
    return await typed


@contextlib.contextmanager
def _terminal_restored() -> Iterator[None]:
    """Restore the terminal's settings, since a cancelled `getpass` leaves its echo off."""
    try:
        before = termios.tcgetattr(sys.stdin)
    except termios.error:
        yield
        return
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
