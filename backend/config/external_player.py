"""Plays a video in a program of the user's own, outside of the terminal."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import DEVNULL
from collections.abc import Sequence
from pathlib import Path

from backend.errors import InputError

_FAILS_WITHIN = 1.0
"""Seconds in which a program that cannot play the video is expected to end."""
_REMEDY = 'Name your player: upsample config set app.player \'["mpv", "--loop"]\''


async def start_player(player: Sequence[str], video: Path) -> str:
    """Play a video, and return the name of the program that was started; it outlives this one.

    `video` is absolute. An empty `player` is the program by which the desktop opens files. Raises InputError
    when the video is gone, there is no such program, or it fails at once.
    """
    command = [*(player or (_desktop_opener(),)), str(video)]
    if not await asyncio.to_thread(video.exists):
        raise InputError(f"{video} is not there any more")
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL, start_new_session=True
        )
    except OSError as error:
        raise InputError(f"{command[0]} does not start: {error.strerror}", _REMEDY) from error
    try:
        code = await asyncio.wait_for(process.wait(), _FAILS_WITHIN)
    except TimeoutError:
        code = 0  # it plays
    if code:
        raise InputError(f"{command[0]} ended at once, with exit status {code}", _REMEDY)
    return command[0]


def _desktop_opener() -> str:
    """Return the program that opens a file as a double click does."""
    return "open" if sys.platform == "darwin" else "xdg-open"
