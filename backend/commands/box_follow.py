"""`upsample box logs --follow`: print the end of a box's log, and then each new line.

The lines come over a link that only reads. When the link breaks, it is opened again. Lines that were logged
while it was broken are not printed; they are only in the log's file on the box.
"""

from __future__ import annotations

import time

from backend.box.asker import Asker
from backend.box.link import FROM_NOW_ON, Box, JournalCursor, Link, read_log
from backend.box.reconnect import LinkKeeper
from backend.box.status_text import link_words, local_time
from backend.console import warn, write_json, write_line
from backend.errors import BoxUnreachable
from backend.events import BoxLog, LinkChanged, LinkState, event_json
from remote.protocol import Log


async def follow_log(box: Box, asker: Asker, *, as_json: bool) -> None:
    """Print the end of the log and then each new line, until cancelled.

    Raises BoxError when the box cannot be reached at first, or cannot be used.
    """
    printed: str | None = None

    async def how_far() -> JournalCursor:
        return FROM_NOW_ON

    async def visit(link: Link, _seen: JournalCursor) -> None:
        nonlocal printed
        if printed is None:
            # The file is read after the link is open: each later line comes over the link, too.
            printed = await read_log(box, asker)
            print_log(box, printed, as_json=as_json)
        async for message in link.messages():
            if isinstance(message, Log) and _as_in_file(message) not in printed:
                _print_line(box, message, as_json=as_json)
        raise BoxUnreachable(f"{box.name} hung up")

    await LinkKeeper(box, asker, _tell_of_link, look=True).keep(how_far, visit)


def print_log(box: Box, log: str, *, as_json: bool) -> None:
    """Print text from the log's file."""
    if as_json:
        for line in log.splitlines():
            write_json({"type": "logged", "box": box.name, "line": line})
    elif log:
        write_line(log)


def _tell_of_link(changed: LinkChanged) -> None:
    if changed.state is LinkState.RETRYING:
        warn(f"{changed.detail}; {link_words(changed.state, changed.seconds)}")


def _print_line(box: Box, line: Log, *, as_json: bool) -> None:
    if as_json:
        write_json(event_json(BoxLog(box.name, line.time, line.level, line.source, line.text)))
        return
    at = time.strftime("%Y-%m-%d %H:%M:%S", local_time(line.time))
    write_line(f"{at} {line.level.upper()} {line.source} {line.text}")


def _as_in_file(line: Log) -> str:
    """Return how the line begins in the log's file, from the seconds on.

    The hour and the minute are left out: the file has them in the box's time zone.
    """
    milliseconds = int(line.time * 1000) % 60_000
    beginning = line.text.partition("\n")[0][:500]
    seconds = f":{milliseconds // 1000:02d},{milliseconds % 1000:03d}"
    return f"{seconds} {line.level.upper()} {line.source} {beginning}"
