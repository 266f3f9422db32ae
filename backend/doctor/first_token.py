"""Starts the model on the box, as a batch does, and asks it for one token."""

from __future__ import annotations

import asyncio
import itertools
import secrets
import time
from collections.abc import Callable

import asyncssh

from backend.box.links.link import FROM_NOW_ON, Box, Link, open_link_over
from backend.box.status_text import away_words, is_ready
from backend.config import Settings
from backend.dispatch.sending.courier import Courier, End, Recipient
from backend.dispatch.sending.flight import Flight, Flights, Parcel
from backend.doctor.findings import failed_finding, ok_finding
from backend.errors import BoxUnreachable, BoxUnusable
from backend.troubles import Facts, translate
from remote.protocol import (
    Cancel,
    Cancelled,
    Delta,
    EngineStage,
    Failed,
    Finding,
    FromBox,
    Refused,
    Request,
    Sampling,
    Submit,
)

AREA, NAME = "start", "first token"
_SECONDS = 3700.0
"""A little more than the time limit of an engine's start, which may have to download weights."""
_PROMPT = "Say one word."
_MOST_STAGES = 100
"""The newest stages of the engine that are kept; an honest start has ten."""


async def try_start(
    connection: asyncssh.SSHClientConnection,
    box: Box,
    settings: Settings,
    doing: Callable[[str], None],
) -> Finding:
    """Send a real job of one token, under the daemon's usual rules. Raises BoxUnreachable.

    A daemon that works with other settings is left alone. Cancelling this cancels the job.
    """
    try:
        async with asyncio.timeout(_SECONDS), open_link_over(connection, box, FROM_NOW_ON) as link:
            request = _make_request(box.setup.model or link.welcome.model, settings)
            return await _Probe(box, request, doing).ask(link)
    except TimeoutError:
        return failed_finding(AREA, NAME, f"no token within {_SECONDS:,.0f} s", _log_remedy(box))
    except BoxUnusable as error:
        return failed_finding(AREA, NAME, error.problem, error.remedy or _log_remedy(box))


def _make_request(model: str, settings: Settings) -> Request:
    """Make a request with a random seed, because the box answers an equal request from its journal."""
    return Request(
        profile=settings.profile.name,
        model=model,
        system=settings.profile.template.system,
        prompt=_PROMPT,
        frames=(),
        sampling=Sampling(temperature=0.0, max_tokens=1, seed=secrets.randbelow(2**31)),
    )


class _Probe(Recipient[Parcel]):
    """Asks for one token over one link."""

    def __init__(self, box: Box, request: Request, doing: Callable[[str], None]) -> None:
        self._box = box
        self._doing = doing
        self._began = time.monotonic()
        self._ahead = 0
        self._stages: list[EngineStage] = []
        submit = Submit(request.job_id(), request, ())
        self._flight = Flight(submit.job, Parcel(submit))
        self._flights: Flights[Parcel] = Flights()
        self._flights.add(self._flight)
        self._found: asyncio.Future[Finding] = asyncio.get_running_loop().create_future()

    async def ask(self, link: Link) -> Finding:
        """Wait for the first token. Raises BoxUnreachable. Without an end, the request is cancelled."""
        self._ahead = link.welcome.unfinished
        self._doing("waiting for the first token")
        visiting = asyncio.create_task(Courier(self._box.name, self._flights, self).visit(link))
        try:
            await asyncio.wait((visiting, self._found), return_when=asyncio.FIRST_COMPLETED)
            if not self._found.done():
                await visiting  # raises why the link ended
            return await self._found
        finally:
            visiting.cancel()
            await asyncio.gather(visiting, return_exceptions=True)
            if len(self._flights):
                await _cancel_job(link, self._flight.identity)

    async def next_flight(self) -> Flight[Parcel]:
        """Wait until the end, because there is nothing more to send."""
        await self._found
        raise asyncio.CancelledError

    async def hear_end(self, flight: Flight[Parcel], end: End) -> None:
        """Report a token that came at once, or why none comes."""
        self._flights.remove(flight)
        if isinstance(end, (Failed, Refused)):
            self._report(_explain(end.message, self._box))
        elif isinstance(end, Cancelled):
            self._report(_explain("somebody cancelled it", self._box))
        else:
            self._report_token()

    async def hear_of_moment(self, message: FromBox) -> None:
        """Report the first token, and tell of the engine's start until it comes."""
        if isinstance(message, EngineStage) and (away := away_words(message.stage)):
            # The box would wait for its server for as long as that takes.
            self._report(_explain(away, self._box))
        elif isinstance(message, EngineStage):
            self._stages.append(message)
            del self._stages[:-_MOST_STAGES]
            self._doing(f"starting the model: {message.stage}")
        elif isinstance(message, Delta) and message.job == self._flight.identity:
            self._report_token()

    def _report_token(self) -> None:
        seconds = time.monotonic() - self._began
        told = _describe_start(seconds, self._stages, self._ahead)
        self._report(ok_finding(AREA, NAME, told))

    def _report(self, finding: Finding) -> None:
        if not self._found.done():
            self._found.set_result(finding)


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
    if any(is_ready(stage.stage) for stage in stages):
        return f"{told}: {', '.join(steps)}"
    return f"{told}; nothing had to be started"


def _explain(message: str, box: Box) -> Finding:
    trouble = translate(message, Facts(box=box.name, model=box.setup.model))
    if trouble is not None:
        return failed_finding(AREA, NAME, f"{trouble.what} {trouble.why}", trouble.do)
    return failed_finding(AREA, NAME, message.partition("\n")[0], _log_remedy(box))


def _log_remedy(box: Box) -> str:
    return f"The log on the box says more: upsample box logs {box.name}"
