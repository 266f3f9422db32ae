"""Questions that come up while connecting to a box, and who answers them."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from backend.specs.quoting import printable


@dataclass(frozen=True, slots=True)
class HostKeyQuestion:
    """The question whether an unknown host key is the right one."""

    host: str
    """The host as the user names it, with the port unless it is 22."""
    algorithm: str
    fingerprint: str
    """The SHA-256 fingerprint in OpenSSH's form: "SHA256:…"."""

    @property
    def public_key_file(self) -> str:
        """The file in which OpenSSH keeps this kind of host key on the host."""
        kind = next((k for k in ("ed25519", "ecdsa", "rsa") if k in self.algorithm), "*")
        return f"/etc/ssh/ssh_host_{kind}_key.pub"


class Asker(Protocol):
    """Answers questions: a person at a terminal, a dialog, or a program that always says no."""

    @property
    def is_there(self) -> bool:
        """Whether a person can be asked. If not, `secret` always returns None."""
        ...

    async def accepts_host_key(self, question: HostKeyQuestion) -> bool:
        """Ask whether this is the key of that host. Returns False unless the answer is a clear yes."""
        ...

    async def secret(self, prompt: str) -> str | None:
        """Ask for a password or passphrase. Returns None when there is no answer."""
        ...


@dataclass(frozen=True, slots=True)
class UnattendedAsker:
    """Answers in an unattended run: accepts only the host key that was given beforehand."""

    expected_fingerprint: str = ""
    is_there: bool = False

    async def accepts_host_key(self, question: HostKeyQuestion) -> bool:
        return bool(self.expected_fingerprint) and question.fingerprint == self.expected_fingerprint

    async def secret(self, prompt: str) -> str | None:
        return None


class TerminalAsker:
    """Accepts only the host key that was given beforehand, and asks for passwords where there is a
    terminal."""

    def __init__(
        self, expected_fingerprint: str, quiet: Callable[[], AbstractContextManager[None]]
    ) -> None:
        """`quiet` returns a context in which nothing else writes to the terminal."""
        self._unattended = UnattendedAsker(expected_fingerprint)
        self._quiet = quiet
        self._turn = asyncio.Lock()
        """Several boxes ask one after the other."""

    @property
    def is_there(self) -> bool:
        return sys.stdin.isatty()

    async def accepts_host_key(self, question: HostKeyQuestion) -> bool:
        return await self._unattended.accepts_host_key(question)

    async def secret(self, prompt: str) -> str | None:
        if not self.is_there:
            return None
        async with self._turn:
            return await self._ask(prompt)

    async def _ask(self, prompt: str) -> str:
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
