"""Sends the attached apps a Status every few seconds: GPUs, the engine's load, the daemon's jobs.

While no app is attached, it measures nothing.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from remote.daemon.gpus import NvidiaSmi
from remote.engines import Engine, Replicated
from remote.protocol import Status

_log = logging.getLogger(__name__)

_PERIOD = 1.5
"""Seconds between the end of one poll and the next."""


class Telemetry:
    """Polls the box while an app is attached."""

    def __init__(
        self,
        engine: Engine,
        gpus: NvidiaSmi,
        jobs: Callable[[], Awaitable[tuple[int, int]]],
        stage: Callable[[], str],
        is_watched: Callable[[], bool],
        tell: Callable[[Status], None],
    ) -> None:
        """`jobs` returns the number of waiting jobs and of running jobs; `stage` the stage for a Status."""
        self._engine = engine
        self._gpus = gpus
        self._jobs = jobs
        self._stage = stage
        self._is_watched = is_watched
        self._tell = tell
        self._due = asyncio.Event()

    def poll_now(self) -> None:
        """Poll at once, because another app has attached."""
        self._due.set()

    async def run(self) -> None:
        """Poll and send until cancelled."""
        try:
            while True:
                await self._due.wait()
                while self._is_watched():
                    self._due.clear()
                    self._tell(await self._measure())
                    await self._pause()
                self._due.clear()
        except Exception:  # noqa: BLE001 - logged
            # An error here must not stop the jobs.
            _log.exception("the box's state could not be read; it is reported no more")

    async def _pause(self) -> None:
        timer = asyncio.get_running_loop().call_later(_PERIOD, self._due.set)
        try:
            await self._due.wait()
        finally:
            timer.cancel()

    async def _measure(self) -> Status:
        load, gpus = await asyncio.gather(self._engine.load(), self._gpus.read())
        waiting, running = await self._jobs()
        return Status(
            time=time.time(),
            stage=self._stage(),
            jobs_waiting=waiting,
            jobs_running=running,
            load=load,
            gpus=gpus,
            slots=self._engine.slots,
            replicas=self._engine.replicas if isinstance(self._engine, Replicated) else (),
        )
