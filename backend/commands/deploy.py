"""`upsample deploy`: put the runner on a box, and remove old runners."""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import aclosing
from dataclasses import dataclass

from backend.box.asker import Asker, TerminalAsker
from backend.box.links.link import Box, open_connection
from backend.box.links.runner import Deployed, build_runner, deploy, stream_findings
from backend.box.setup import make_box
from backend.config import load_settings
from backend.console import out, safe, say, write_json
from backend.errors import BoxUnusable
from backend.exit_codes import ExitCode
from remote.protocol import OK, Finding, Json


@dataclass(frozen=True, slots=True)
class _Outcome:
    deployed: Deployed
    others: tuple[Finding, ...]
    """What happened to each other runner on the box: removed, or kept with a reason."""
    trouble: BoxUnusable | None
    """Why the runner cannot run on the box; None if it can."""

    @property
    def removed(self) -> list[str]:
        return [finding.name for finding in self.others if finding.verdict == OK]

    @property
    def kept(self) -> dict[str, str]:
        return {f.name: f.detail for f in self.others if f.verdict != OK}


def deploy_runner(name: str | None, fingerprint: str, *, as_json: bool) -> ExitCode:
    """Put the runner on the box, and print its path and which old runners were removed."""
    settings = load_settings()
    box = make_box(*settings.box_named(name), settings)
    asker = TerminalAsker(fingerprint, contextlib.nullcontext)
    outcome = asyncio.run(_deploy(box, asker))
    if as_json:
        write_json(_as_json(box, outcome))
    else:
        _show(outcome)
    if outcome.trouble is not None:
        raise outcome.trouble
    return ExitCode.OK


async def _deploy(box: Box, asker: Asker) -> _Outcome:
    runner = build_runner()
    say(f"… connecting to {box.host or 'the embedded box'}")
    async with open_connection(box, asker) as connection:
        say(f"… putting runner {runner.hash} into {box.setup.root}")
        deployed = await deploy(connection, box.setup.root, runner)
        say("… looking for old runners")
        command = [deployed.path, "clean", box.setup.root]
        others: list[Finding] = []
        trouble: BoxUnusable | None = None
        try:
            async with aclosing(stream_findings(connection, command)) as findings:
                async for finding in findings:
                    others.append(finding)
        except BoxUnusable as error:
            trouble = error
    return _Outcome(deployed, tuple(others), trouble)


def _show(outcome: _Outcome) -> None:
    runner = build_runner()
    out().print(safe(outcome.deployed.path), soft_wrap=True)
    state = "was there already" if outcome.deployed.was_there else "sent"
    say(f"Runner {runner.hash}, {len(runner.data) / 1024:,.0f} KiB: {state}.")
    for name in outcome.removed:
        say(f"{name}: removed")
    for name, why in outcome.kept.items():
        say(f"{name}: {why}")


def _as_json(box: Box, outcome: _Outcome) -> dict[str, Json]:
    runner = build_runner()
    return {
        "box": box.name,
        "host": box.host,
        "path": outcome.deployed.path,
        "runner": runner.hash,
        "bytes": len(runner.data),
        "was_there": outcome.deployed.was_there,
        "removed": list(outcome.removed),
        "kept": dict(outcome.kept),
    }
