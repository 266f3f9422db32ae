"""`upsample box status|logs|stop`: what the daemon of a box says of itself, its log, and its end."""

from __future__ import annotations

import asyncio
import contextlib
import sys

from backend.box.asker import Asker
from backend.box.link import Box, Seen, open_link, read_log
from backend.boxes import make_box
from backend.config import load_settings
from backend.console import out as stdout
from backend.console import safe, say, table, write_json
from backend.errors import BoxUnusable
from backend.exit_codes import ExitCode
from backend.terminal_asker import TerminalAsker
from remote.protocol import Stop, Welcome

_STOP_SECONDS = 60.0


def show_status(name: str | None, fingerprint: str, *, as_json: bool) -> ExitCode:
    """What the box's daemon says of itself; one is started if none runs."""
    box = _box(name)
    welcome = asyncio.run(_greeted(box, _asker(fingerprint)))
    if as_json:
        write_json(
            {
                "box": box.name,
                "host": box.host,
                "engine": welcome.engine,
                "slots": welcome.slots,
                "unfinished": welcome.unfinished,
                "runner": welcome.runner,
                "protocol": welcome.protocol,
                "journal": welcome.journal,
            }
        )
        return ExitCode.OK
    shown = table("box", "host", "engine", "jobs unfinished", "at once", "runner")
    shown.add_row(
        safe(box.name),
        safe(box.host) or "embedded",
        safe(welcome.engine),
        str(welcome.unfinished),
        str(welcome.slots),
        safe(welcome.runner),
    )
    stdout().print(shown)
    return ExitCode.OK


def show_log(name: str | None, fingerprint: str) -> ExitCode:
    """The end of the runner's log on the box, the engine's lines in it."""
    log = asyncio.run(read_log(_box(name), _asker(fingerprint)))
    if not log:
        say("There is no log on the box yet.")
    sys.stdout.write(safe(log) + "\n" if log else "")
    return ExitCode.OK


def stop_daemon(name: str | None, fingerprint: str) -> ExitCode:
    """End the box's daemon and its engine; jobs that it accepted go on when it starts again."""
    box = _box(name)
    unfinished = asyncio.run(_stopped(box, _asker(fingerprint)))
    kept = f"; {unfinished} jobs wait there for its next start" if unfinished else ""
    say(f"The daemon on {box.name} has ended{kept}.")
    return ExitCode.OK


async def _greeted(box: Box, asker: Asker) -> Welcome:
    async with open_link(box, asker, Seen(), look=True) as link:
        return link.welcome


async def _stopped(box: Box, asker: Asker) -> int:
    try:
        async with (
            asyncio.timeout(_STOP_SECONDS),
            open_link(box, asker, Seen(), look=True) as link,
        ):
            await link.send(Stop(only_idle=False))
            async for _ in link.messages():
                pass
            return link.welcome.unfinished
    except TimeoutError:
        raise BoxUnusable(f"the daemon on {box.name} does not end") from None


def _box(name: str | None) -> Box:
    settings = load_settings()
    return make_box(*settings.box_named(name), settings)


def _asker(fingerprint: str) -> Asker:
    return TerminalAsker(fingerprint, contextlib.nullcontext)
