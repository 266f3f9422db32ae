"""`upsample box replicas`: list the replicas of a box, drain some of them, or start some anew."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import asdict

from backend.box.asker import TerminalAsker
from backend.box.links.link import Box
from backend.box.replica_changes import change_replica
from backend.box.replicas import (
    REPLICAS_SINCE,
    change_words,
    replica_rows,
)
from backend.box.setup import make_box
from backend.commands.box import ask_status
from backend.commands.replica_table import replica_table
from backend.config import load_settings
from backend.console import out as stdout
from backend.console import say, write_json
from backend.exit_codes import ExitCode
from remote.protocol import DRAIN, RESTART


def show_or_change_replicas(
    name: str | None,
    fingerprint: str,
    *,
    drain: Sequence[str],
    restart: Sequence[str],
    as_json: bool,
) -> ExitCode:
    """Drain these replicas and start those anew; without any, list all."""
    settings = load_settings()
    box = make_box(*settings.box_named(name), settings)
    asker = TerminalAsker(fingerprint, contextlib.nullcontext)
    changes = [*((it, DRAIN) for it in drain), *((it, RESTART) for it in restart)]
    for replica, change in changes:
        asyncio.run(change_replica(box, asker, replica, change))
        if as_json:
            write_json({"box": box.name, "replica": replica, "change": change})
        else:
            say(change_words(replica, change))
    if not changes:
        _show(box, asker, as_json=as_json)
    return ExitCode.OK


def _show(box: Box, asker: TerminalAsker, *, as_json: bool) -> None:
    welcome, status = asyncio.run(ask_status(box, asker))
    rows = replica_rows(status) if status else []
    if as_json:
        for row in rows:
            write_json({"box": box.name, **asdict(row)})
        return
    if rows:
        stdout().print(replica_table(rows))
    elif welcome.protocol < REPLICAS_SINCE:
        say(f"{box.name} runs an earlier version, which does not tell of replicas.")
    elif box.setup.engine == "ray":
        say(f"No replica runs on {box.name}: they start when there is work.")
    else:
        say(f"{box.name} has one engine, and no replicas.")
