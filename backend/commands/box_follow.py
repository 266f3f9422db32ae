"""`upsample box logs --follow`: the end of a box's log, and then each line as it is written there.

The lines come over a link that only looks on. When it breaks it is made again; what was logged meanwhile
is in the log's file on the box alone.
"""

from __future__ import annotations

import asyncio
import sys
import time

from backend.box.asker import Asker
from backend.box.link import Box, Seen, open_link, read_log
from backend.console import safe, warn, write_json
from backend.errors import BoxUnreachable
from backend.events import BoxLog, event_json
from remote.protocol import Log

_PAUSE_SECONDS = 2.0
"""Before a broken link is made again."""


async def follow_log(box: Box, asker: Asker, *, as_json: bool) -> None:
    """Print the end of the log and everything that is added to it, until cancelled.

    Raises BoxError when the box cannot be reached at first, or cannot be used.
    """
    printed: str | None = None
    while True:
        try:
            async with open_link(box, asker, Seen(), look=True) as link:
                if printed is None:
                    # Read when the link stands: what is logged from here on comes over that, too.
                    printed = await read_log(box, asker)
                    print_log(box, printed, as_json=as_json)
                async for message in link.messages():
                    if isinstance(message, Log) and _as_in_file(message) not in printed:
                        _print_line(box, message, as_json=as_json)
            trouble = f"{box.name} hung up"
        except BoxUnreachable as error:
            if printed is None:
                raise
            trouble = error.problem
        warn(f"{trouble}; trying again in {_PAUSE_SECONDS:.0f} s")
        await asyncio.sleep(_PAUSE_SECONDS)


def print_log(box: Box, log: str, *, as_json: bool) -> None:
    """Print a part of the log's file."""
    if as_json:
        for line in log.splitlines():
            write_json({"type": "logged", "box": box.name, "line": line})
    else:
        sys.stdout.write(safe(log) + "\n" if log else "")
        sys.stdout.flush()


def _print_line(box: Box, line: Log, *, as_json: bool) -> None:
    if as_json:
        write_json(event_json(BoxLog(box.name, line.time, line.level, line.source, line.text)))
        return
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(line.time))
    sys.stdout.write(safe(f"{at} {line.level.upper()} {line.source} {line.text}") + "\n")
    sys.stdout.flush()


def _as_in_file(line: Log) -> str:
    """How the line begins in the log's file, but for the hour, which is the box's own there."""
    milliseconds = int(line.time * 1000) % 60_000
    beginning = line.text.partition("\n")[0][:500]
    seconds = f":{milliseconds // 1000:02d},{milliseconds % 1000:03d}"
    return f"{seconds} {line.level.upper()} {line.source} {beginning}"
