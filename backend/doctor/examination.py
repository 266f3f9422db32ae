"""Runs all checks of the doctor in order. A check that needs a failed one is skipped, with a finding."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import AsyncExitStack, aclosing
from dataclasses import asdict, dataclass

import asyncssh

from backend.box.asker import Asker
from backend.box.links.link import Box, open_connection
from backend.box.links.runner import build_runner, deploy, stream_findings
from backend.box.setup import make_box
from backend.config import Settings, load_settings
from backend.doctor import laptop
from backend.doctor.connection import describe_clock, describe_connection, describe_no_connection
from backend.doctor.findings import failed_finding, ok_finding, skipped_finding
from backend.doctor.first_token import AREA as START
from backend.doctor.first_token import try_start
from backend.errors import BoxError, BoxUnusable, ConfigError, UpsampleError
from remote.protocol import FAILED, Checkup, Finding

_BOX = "box"
_NO_RUNNER = "The box's own words are above; `ssh` there and try python3."


@dataclass(frozen=True, slots=True)
class ExaminationWatchers:
    """Callbacks that report the progress of an examination."""

    tell: Callable[[Finding], None]
    """Gets each finding as soon as it is made."""
    doing: Callable[[str], None]
    """Gets the current step, in a few words."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The result of an examination."""

    findings: tuple[Finding, ...]
    hindrance: UpsampleError | None
    """The error that ended the examination early; None when all checks ran."""
    seconds: float

    def count(self, verdict: str) -> int:
        """Count the findings with this verdict."""
        return sum(finding.verdict == verdict for finding in self.findings)


async def examine(
    name: str | None, asker: Asker, watchers: ExaminationWatchers, *, start: bool = False
) -> Diagnosis:
    """Check everything that a batch for the box with this name needs.

    With `start`, the model is started, too, and generates one token. Problems are findings, not exceptions.
    """
    began = time.monotonic()
    examination = _Examination(asker, watchers, start=start)
    hindrance: UpsampleError | None = None
    try:
        await examination.run(name)
    except (ConfigError, BoxError) as error:
        hindrance = error
    return Diagnosis(tuple(examination.findings), hindrance, time.monotonic() - began)


class _Examination:
    """A running examination. An error that ends it is reported as a finding before it is raised."""

    def __init__(self, asker: Asker, watchers: ExaminationWatchers, *, start: bool) -> None:
        self._asker = asker
        self._watchers = watchers
        self._start = start
        self.findings: list[Finding] = []

    async def run(self, name: str | None) -> None:
        box, settings = await self._check_laptop(name)
        async with AsyncExitStack() as stack:
            connection = await self._connect(box, stack)
            await self._check_box(connection, box, settings)
            if self._start:
                await self._try_start(connection, box, settings)

    def _report(self, *findings: Finding) -> None:
        for finding in findings:
            self.findings.append(finding)
            self._watchers.tell(finding)

    async def _check_laptop(self, name: str | None) -> tuple[Box, Settings]:
        self._watchers.doing("looking at this machine")
        self._report(laptop.describe_python(), await laptop.check_ffmpeg())
        try:
            settings = await asyncio.to_thread(load_settings)
            box_name, box_settings = settings.box_named(name)
        except ConfigError as error:
            self._report(
                laptop.describe_bad_settings(error),
                await asyncio.to_thread(laptop.check_queue),
                skipped_finding(laptop.AREA, "frames", "because config failed"),
                skipped_finding(
                    _BOX, "everything", "on the way there and on it, because config failed"
                ),
            )
            raise
        self._report(
            laptop.describe_settings(settings, box_name),
            await asyncio.to_thread(laptop.check_queue),
            await asyncio.to_thread(laptop.check_hint_folder, settings.upsampling.hint_video_dir),
        )
        return make_box(box_name, box_settings, settings), settings

    async def _connect(self, box: Box, stack: AsyncExitStack) -> asyncssh.SSHClientConnection:
        self._watchers.doing(f"connecting to {box.host or 'the embedded box'}")
        began = time.monotonic()
        try:
            connection = await stack.enter_async_context(open_connection(box, self._asker))
        except BoxError as error:
            self._report(*describe_no_connection(box, error))
            raise
        self._report(*describe_connection(box, connection, time.monotonic() - began))
        return connection

    async def _check_box(
        self, connection: asyncssh.SSHClientConnection, box: Box, settings: Settings
    ) -> None:
        runner = build_runner()
        self._watchers.doing("putting the runner there")
        try:
            deployed = await deploy(connection, box.setup.root, runner)
        except BoxError as error:
            self._report(
                failed_finding(_BOX, "runner", error.problem, error.remedy or _NO_RUNNER),
                skipped_finding(_BOX, "everything", "else on the box, because runner failed"),
            )
            raise
        sent = "was there" if deployed.was_there else "sent"
        self._report(ok_finding(_BOX, "runner", f"{deployed.path}, {sent}"))
        self._watchers.doing("looking at the box")
        follows = settings.follows_server_on(box.name)
        checkup = Checkup(box.setup, settings.max_tokens_on(box.name), follows)
        try:
            await self._run_box_checks(connection, deployed.path, checkup)
        except BoxError as error:
            self._report(failed_finding(_BOX, "checkup", error.problem, error.remedy or _NO_RUNNER))
            raise

    async def _run_box_checks(
        self, connection: asyncssh.SSHClientConnection, runner: str, checkup: Checkup
    ) -> None:
        heard = 0
        command = [runner, "check", json.dumps(asdict(checkup))]
        async with aclosing(stream_findings(connection, command)) as findings:
            async for finding in findings:
                if not heard:
                    self._report(describe_clock(finding.time, time.time()))
                heard += 1
                self._report(finding)
        if not heard:
            raise BoxUnusable("the checks on the box ended before the first one", _NO_RUNNER)

    async def _try_start(
        self, connection: asyncssh.SSHClientConnection, box: Box, settings: Settings
    ) -> None:
        if any(
            finding.verdict == FAILED and finding.area == laptop.AREA for finding in self.findings
        ):
            self._report(
                skipped_finding(START, "first token", "because something on this machine failed")
            )
            return
        self._watchers.doing("starting the model")
        try:
            finding = await try_start(connection, box, settings, self._watchers.doing)
        except BoxError as error:
            self._report(
                failed_finding(START, "first token", error.problem, error.remedy or _NO_RUNNER)
            )
            raise
        self._report(finding)
