"""How the box does, told to the apps that are attached: its GPUs, its engine's load and its own work.

While no app is there, nothing is asked of anybody.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from remote.daemon.gpus import NvidiaSmi
from remote.engines import Engine
from remote.protocol import Status

_log = logging.getLogger(__name__)

_PERIOD = 1.5
"""Seconds between the end of one look and the next."""


class Telemetry:
    """Looks at the box again and again while somebody watches."""

    def __init__(
        self,
        engine: Engine,
        gpus: NvidiaSmi,
        jobs: Callable[[], Awaitable[tuple[int, int]]],
        is_watched: Callable[[], bool],
        tell: Callable[[Status], None],
    ) -> None:
        """`jobs` gives how many wait and how many run."""
        self._engine = engine
        self._gpus = gpus
        self._jobs = jobs
        self._is_watched = is_watched
        self._tell = tell
        self._due = asyncio.Event()

    def look(self) -> None:
        """Look now and not when it is time: another app has come."""
        self._due.set()

    async def run(self) -> None:
        """Look and tell, until cancelled."""
        try:
            while True:
                await self._due.wait()
                while self._is_watched():
                    self._due.clear()
                    self._tell(await self._status())
                    await self._pause()
                self._due.clear()
        except Exception:  # noqa: BLE001 - logged
            # Whatever is wrong with the numbers, the work goes on.
            _log.exception("the box's state could not be read; it is told no more")

    async def _pause(self) -> None:
        timer = asyncio.get_running_loop().call_later(_PERIOD, self._due.set)
        try:
            await self._due.wait()
        finally:
            timer.cancel()

    async def _status(self) -> Status:
        load, gpus = await asyncio.gather(self._engine.load(), self._gpus.read())
        waiting, running = await self._jobs()
        return Status(
            time=time.time(),
            stage=self._engine.stage,
            jobs_waiting=waiting,
            jobs_running=running,
            load=load,
            gpus=gpus,
        )
