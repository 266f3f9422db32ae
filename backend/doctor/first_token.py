"""Starts the model on the box, as a batch does, and asks it for one token."""

from __future__ import annotations

import asyncio
import itertools
import secrets
import time
from collections.abc import Callable

import asyncssh

from backend.box.link import Box, JournalCursor, Link, open_link_over
from backend.config import Settings
from backend.doctor.findings import failed_finding, ok_finding
from backend.errors import BoxUnreachable, BoxUnusable
from backend.troubles import Facts, translate
from remote.protocol import (
    Cancel,
    Delta,
    EngineStage,
    Failed,
    Finding,
    Finished,
    Refused,
    Request,
    Sampling,
    Submit,
)

AREA, NAME = "start", "first token"
_SECONDS = 3700.0
"""A little more than the time limit of an engine's start, which may have to download weights."""
_PROMPT = "Say one word."
_READY = "ready"


async def try_start(
    connection: asyncssh.SSHClientConnection,
    box: Box,
    settings: Settings,
    seen: JournalCursor,
    doing: Callable[[str], None],
) -> Finding:
    """Send a real job of one token, under the daemon's usual rules. Raises BoxUnreachable.

    A daemon that works with other settings is left alone. Cancelling this cancels the job.
    """
    began = time.monotonic()
    try:
        async with asyncio.timeout(_SECONDS), open_link_over(connection, box, seen) as link:
            return await _ask(link, box, _make_request(box, settings), began, doing)
    except TimeoutError:
        return failed_finding(AREA, NAME, f"no token within {_SECONDS:,.0f} s", _log_remedy(box))
    except BoxUnusable as error:
        return failed_finding(AREA, NAME, error.problem, error.remedy or _log_remedy(box))


def _make_request(box: Box, settings: Settings) -> Request:
    """Make a request with a random seed, because the box answers an equal request from its journal."""
    return Request(
        profile=settings.profile.name,
        model=box.setup.model,
        system=settings.profile.template.system,
        prompt=_PROMPT,
        frames=(),
        sampling=Sampling(temperature=0.0, max_tokens=1, seed=secrets.randbelow(2**31)),
    )


async def _ask(
    link: Link, box: Box, request: Request, began: float, doing: Callable[[str], None]
) -> Finding:
    job = request.job_id()
    ahead, ended = link.welcome.unfinished, False
    stages: list[EngineStage] = []
    await link.send(Submit(job, request, ()))
    doing("waiting for the first token")
    try:
        async for message in link.messages():
            if isinstance(message, EngineStage):
                stages.append(message)
                doing(f"starting the model: {message.stage}")
            elif isinstance(message, (Delta, Finished, Failed, Refused)) and message.job == job:
                ended = not isinstance(message, Delta)
                if isinstance(message, (Failed, Refused)):
                    return _explain(message.message, box)
                return ok_finding(
                    AREA, NAME, _describe_start(time.monotonic() - began, stages, ahead)
                )
    finally:
        if not ended:
            await _cancel_job(link, job)
    raise BoxUnreachable(f"{box.name} hung up")


async def _cancel_job(link: Link, job: str) -> None:
    try:
        await link.send(Cancel(job))
    except BoxUnreachable:
        return  # the box then generates one token more, which is harmless


def _describe_start(seconds: float, stages: list[EngineStage], ahead: int) -> str:
    told = f"after {seconds:.1f} s"
    if ahead:
        told += f", {ahead} jobs being ahead of it"
    steps = [
        f"{stage.stage} {after.time - stage.time:.0f} s"
        for stage, after in itertools.pairwise(stages)
    ]
    if any(stage.stage == _READY for stage in stages):
        return f"{told}: {', '.join(steps)}"
    return f"{told}; nothing had to be started"


def _explain(message: str, box: Box) -> Finding:
    trouble = translate(message, Facts(box=box.name, model=box.setup.model))
    if trouble is not None:
        return failed_finding(AREA, NAME, f"{trouble.what} {trouble.why}", trouble.do)
    return failed_finding(AREA, NAME, message.partition("\n")[0], _log_remedy(box))


def _log_remedy(box: Box) -> str:
    return f"The log on the box says more: upsample box logs {box.name}"
