"""`upsample box status|logs|stop`: show the status of a box's daemon, print its log, or stop it.

A log is followed over a link that only reads. When the link breaks, it is opened again. Lines that were
logged while it was broken are not printed; they are only in the log's file on the box.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from dataclasses import asdict

from rich.table import Table

from backend.box.asker import Asker, TerminalAsker
from backend.box.links.link import (
    FROM_NOW_ON,
    Box,
    JournalCursor,
    Link,
    open_link,
    read_log,
)
from backend.box.links.reconnect import LinkKeeper
from backend.box.replicas import replica_rows
from backend.box.setup import make_box
from backend.box.status_text import link_words, local_time, memory_text, rate_text
from backend.box.stopping import stop_box
from backend.commands.replica_table import UNKNOWN, replica_table
from backend.config import load_settings
from backend.console import out as stdout
from backend.console import safe, say, table, warn, write_json, write_line
from backend.errors import BoxUnreachable
from backend.events import BoxLog, LinkChanged, LinkState, event_json
from backend.exit_codes import ExitCode
from backend.planning.box_context import keep_context
from remote.protocol import Gpu, Json, Log, Status, Welcome, log_text

_STATUS_SECONDS = 15.0
"""How long to wait for a status. A daemon of an older version sends none."""


def show_status(name: str | None, fingerprint: str, *, as_json: bool) -> ExitCode:
    """Print the status of the box's daemon. Starts a daemon if none runs."""
    box = _box(name)
    welcome, status = asyncio.run(ask_status(box, _asker(fingerprint)))
    if welcome.context:
        keep_context(box.name, welcome.context)  # the server may have been started with another one
    if as_json:
        known: dict[str, Json] = {
            "box": box.name,
            "host": box.host,
            "engine": welcome.engine,
            "model": welcome.model or box.setup.model,
            "context": welcome.context or None,
            "slots": welcome.slots,
            "unfinished": welcome.unfinished,
            "runner": welcome.runner,
            "protocol": welcome.protocol,
            "journal": welcome.journal,
        }
        write_json(known | _status_json(status))
        return ExitCode.OK
    shown = table(
        "box", "host", "engine", "stage", "running", "waiting", "at once", "tok/s", "runner",
        long=("host", "engine", "stage"),
    )  # fmt: skip
    shown.add_row(
        safe(box.name),
        safe(box.host) or "embedded",
        safe(f"{welcome.engine}, {welcome.model}" if welcome.model else welcome.engine),
        (safe(status.stage) if status else "") or UNKNOWN,
        str(status.jobs_running) if status else UNKNOWN,
        str(status.jobs_waiting if status else welcome.unfinished),
        str(welcome.slots),
        (rate_text(status.load).removesuffix(" tok/s") if status else "") or UNKNOWN,
        safe(welcome.runner),
    )
    stdout().print(shown)
    if status and status.gpus:
        stdout().print()
        stdout().print(_gpu_table(status.gpus))
    if status and (rows := replica_rows(status)):
        stdout().print()
        stdout().print(replica_table(rows))
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
    _print_log(box, log, as_json=as_json)
    return ExitCode.OK


def stop_daemon(name: str | None, fingerprint: str) -> ExitCode:
    """Stop the box's daemon and its engine. Accepted jobs stay on the box and go on at the next start."""
    box = _box(name)
    unfinished = asyncio.run(stop_box(box, _asker(fingerprint)))
    jobs = "1 job waits" if unfinished == 1 else f"{unfinished:,} jobs wait"
    kept = f"; {jobs} there for its next start" if unfinished else ""
    say(f"The daemon on {box.name} has ended{kept}.")
    return ExitCode.OK


def _status_json(status: Status | None) -> dict[str, Json]:
    if status is None:
        return dict.fromkeys(("stage", "jobs_waiting", "jobs_running", "load", "gpus", "replicas"))
    return {
        "stage": status.stage,
        "jobs_waiting": status.jobs_waiting,
        "jobs_running": status.jobs_running,
        "load": asdict(status.load) if status.load else None,
        "gpus": [asdict(gpu) for gpu in status.gpus],
        "replicas": [asdict(replica) for replica in status.replicas],
    }


def _gpu_table(gpus: Sequence[Gpu]) -> Table:
    shown = table("gpu", "name", "memory", "busy", right=("gpu", "memory", "busy"))
    for gpu in gpus:
        known = gpu.memory_used is not None and gpu.memory_total is not None
        shown.add_row(
            str(gpu.index),
            safe(gpu.name),
            memory_text(gpu.memory_used or 0, gpu.memory_total or 0) if known else UNKNOWN,
            UNKNOWN if gpu.utilisation is None else f"{gpu.utilisation:.0f} %",
        )
    return shown


async def ask_status(box: Box, asker: Asker) -> tuple[Welcome, Status | None]:
    """Ask the daemon how the box does; None for one that sends no status. Raises BoxError."""
    async with open_link(box, asker, FROM_NOW_ON, look=True) as link:
        try:
            async with asyncio.timeout(_STATUS_SECONDS):
                status = await _read_status(link)
                return link.welcome, status  # the status may have brought newer slots
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
            _print_log(box, printed, as_json=as_json)
        async for message in link.messages():
            if isinstance(message, Log) and _as_in_file(message) not in printed:
                _print_line(box, message, as_json=as_json)
        raise BoxUnreachable(f"{box.name} hung up")

    await LinkKeeper(box, asker, _tell_of_link, look=True).keep(how_far, visit)


def _print_log(box: Box, log: str, *, as_json: bool) -> None:
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
    beginning = log_text(line.text.partition("\n")[0][:500])
    seconds = f":{milliseconds // 1000:02d},{milliseconds % 1000:03d}"
    return f"{seconds} {line.level.upper()} {line.source} {beginning}"


def _box(name: str | None) -> Box:
    settings = load_settings()
    return make_box(*settings.box_named(name), settings)


def _asker(fingerprint: str) -> Asker:
    return TerminalAsker(fingerprint, contextlib.nullcontext)
