"""Announces a sentence by the terminal, the desktop, the bell, and a command of the user's."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import DEVNULL
from collections.abc import Callable, Mapping

from backend.announcing.desktop import notify_desktop
from backend.config import Announce
from backend.specs.quoting import printable

_LONGEST_RUN = 30.0
"""Seconds that the user's command may take."""
_BY_777 = ("foot", "rxvt")
"""Terminals, by the beginning of TERM, that know notifications as OSC 777; others know OSC 9."""


class Announcer:
    """Announces sentences as the settings want it."""

    def __init__(
        self, settings: Announce, write: Callable[[str], None], environment: Mapping[str, str]
    ) -> None:
        """`write` takes what goes to the terminal as it is; it does nothing where there is none."""
        self._settings = settings
        self._write = write
        self._environment = environment

    async def announce(self, sentence: str) -> str:
        """Announce a sentence. Returns why the desktop or the user's command did not work, if so."""
        told = printable(sentence)
        if self._settings.terminal:
            self._write(_notification(told, self._environment.get("TERM", "")))
        if self._settings.bell:
            self._write("\a")
        troubles = [
            await notify_desktop(told) if self._settings.desktop else "",
            await _run([*self._settings.command, told]) if self._settings.command else "",
        ]
        return "\n".join(filter(None, troubles))


def _notification(text: str, terminal: str) -> str:
    """Return the sequence that has a terminal notify; one that knows none passes it over."""
    if terminal.startswith(_BY_777):
        # There, a semicolon divides the title from the text.
        return f"\x1b]777;notify;upsample;{text.replace(';', ',')}\x1b\\"
    return f"\x1b]9;upsample: {text}\x1b\\"


async def _run(command: list[str]) -> str:
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL, start_new_session=True
        )
    except OSError as error:
        return f"announce.command: {command[0]} does not start: {error.strerror}"
    try:
        code = await asyncio.wait_for(process.wait(), _LONGEST_RUN)
    except TimeoutError:
        process.kill()
        await process.wait()
        return f"announce.command: {command[0]} was ended after {_LONGEST_RUN:.0f} s"
    return f"announce.command: {command[0]} ended with {code}" if code else ""
