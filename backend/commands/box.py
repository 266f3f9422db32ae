"""`upsample box status|logs|stop`: show the status of a box's daemon, print its log, or stop it.

`box_follow` follows a log.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import asdict

from rich.table import Table

from backend.box.asker import Asker
from backend.box.link import FROM_NOW_ON, Box, Link, open_link, read_log
from backend.box.setup import make_box
from backend.box.status_text import memory_text, rate_text
from backend.box.terminal_asker import TerminalAsker
from backend.commands.box_follow import follow_log, print_log
from backend.config import load_settings
from backend.console import out as stdout
from backend.console import safe, say, table, write_json
from backend.errors import BoxUnusable
from backend.exit_codes import ExitCode
from remote.protocol import Gpu, Json, Status, Stop, Welcome

_STOP_SECONDS = 60.0
_STATUS_SECONDS = 15.0
"""How long to wait for a status. A daemon of an older version sends none."""
_UNKNOWN = "–"


def show_status(name: str | None, fingerprint: str, *, as_json: bool) -> ExitCode:
    """Print the status of the box's daemon. Starts a daemon if none runs."""
    box = _box(name)
    welcome, status = asyncio.run(_ask_status(box, _asker(fingerprint)))
    if as_json:
        known: dict[str, Json] = {
            "box": box.name,
            "host": box.host,
            "engine": welcome.engine,
            "slots": welcome.slots,
            "unfinished": welcome.unfinished,
            "runner": welcome.runner,
            "protocol": welcome.protocol,
            "journal": welcome.journal,
        }
        write_json(known | _status_json(status))
        return ExitCode.OK
    shown = table(
        "box", "host", "engine", "stage", "running", "waiting", "at once", "tok/s", "runner"
    )
    shown.add_row(
        safe(box.name),
        safe(box.host) or "embedded",
        safe(welcome.engine),
        (safe(status.stage) if status else "") or _UNKNOWN,
        str(status.jobs_running) if status else _UNKNOWN,
        str(status.jobs_waiting if status else welcome.unfinished),
        str(welcome.slots),
        (rate_text(status.load).removesuffix(" tok/s") if status else "") or _UNKNOWN,
        safe(welcome.runner),
    )
    stdout().print(shown)
    if status and status.gpus:
        stdout().print()
        stdout().print(_gpu_table(status.gpus))
    return ExitCode.OK


def show_log(name: str | None, fingerprint: str, *, follow: bool, as_json: bool) -> ExitCode:
    """Print the end of the runner's log on the box, which has the engine's lines, too.

    With `follow`, print also each new line until Ctrl-C.
    """
    box, asker = _box(name), _asker(fingerprint)
    if follow:
        asyncio.run(follow_log(box, asker, as_json=as_json))
        return ExitCode.OK
    log = asyncio.run(read_log(box, asker))
    if not log:
        say("There is no log on the box yet.")
    print_log(box, log, as_json=as_json)
    return ExitCode.OK


def stop_daemon(name: str | None, fingerprint: str) -> ExitCode:
    """Stop the box's daemon and its engine. Accepted jobs stay on the box and go on at the next start."""
    box = _box(name)
    unfinished = asyncio.run(_stop(box, _asker(fingerprint)))
    kept = f"; {unfinished} jobs wait there for its next start" if unfinished else ""
    say(f"The daemon on {box.name} has ended{kept}.")
    return ExitCode.OK


def _status_json(status: Status | None) -> dict[str, Json]:
    if status is None:
        return dict.fromkeys(("stage", "jobs_waiting", "jobs_running", "load", "gpus"))
    return {
        "stage": status.stage,
        "jobs_waiting": status.jobs_waiting,
        "jobs_running": status.jobs_running,
        "load": asdict(status.load) if status.load else None,
        "gpus": [asdict(gpu) for gpu in status.gpus],
    }


def _gpu_table(gpus: Sequence[Gpu]) -> Table:
    shown = table("gpu", "name", "memory", "busy", right=("gpu", "memory", "busy"))
    for gpu in gpus:
        known = gpu.memory_used is not None and gpu.memory_total is not None
        shown.add_row(
            str(gpu.index),
            safe(gpu.name),
            memory_text(gpu.memory_used or 0, gpu.memory_total or 0) if known else _UNKNOWN,
            _UNKNOWN if gpu.utilisation is None else f"{gpu.utilisation:.0f} %",
        )
    return shown


async def _ask_status(box: Box, asker: Asker) -> tuple[Welcome, Status | None]:
    async with open_link(box, asker, FROM_NOW_ON, look=True) as link:
        try:
            async with asyncio.timeout(_STATUS_SECONDS):
                return link.welcome, await _read_status(link)
        except TimeoutError:
            return link.welcome, None


async def _read_status(link: Link) -> Status | None:
    """Return the first status that has rates, else the second one.

    The daemon computes rates from two samples, and the first sample may be the one for us.
    """
    first: Status | None = None
    async for message in link.messages():
        if not isinstance(message, Status):
            continue
        counts_tokens = message.load is not None and message.load.cache_usage is not None
        has_rates = message.load is not None and message.load.generation_rate is not None
        if first is not None or has_rates or not counts_tokens:
            return message
        first = message
    return first


async def _stop(box: Box, asker: Asker) -> int:
    try:
        async with (
            asyncio.timeout(_STOP_SECONDS),
            open_link(box, asker, FROM_NOW_ON, look=True) as link,
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
