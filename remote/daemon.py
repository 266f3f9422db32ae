"""The daemon: one a box and root. It holds the journal, keeps the engine busy and lets apps attach.

It outlives the connections that feed it: an app that goes away takes no work with it. It ends by itself
when it has had no work and no app for the setup's `idle_timeout`.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import logging.handlers
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from remote.board import Board
from remote.engines.catalog import make_engine
from remote.gpus import NvidiaSmi, visible_devices
from remote.journal import Journal
from remote.pictures import Pictures
from remote.place import Place
from remote.protocol import (
    NEWEST_PROTOCOL,
    Fatal,
    FromBox,
    Hello,
    Log,
    Setup,
    Welcome,
)
from remote.telemetry import Telemetry
from remote.visitor import Visitor
from remote.work import Work

_log = logging.getLogger(__name__)

_Tell = Callable[["FromBox | None"], None]

_TICK = 0.5
"""Seconds between two looks at whether the daemon is idle."""
_TOUCH_SECONDS = 3600.0
"""Old files in /var/tmp are cleaned away, so socket and lock are kept young."""
_LOG_BYTES = 10_000_000
_LOCK_SECONDS = 5.0
_FAREWELL_SECONDS = 10.0


class TakenError(Exception):
    """Another daemon serves this place."""


class Daemon:
    """A running daemon. Make one inside its event loop."""

    def __init__(self, place: Place, setup: Setup, runner: str) -> None:
        """Open journal and engine. Raises JournalError, OSError and NoEngineError."""
        self._place = place
        self._setup = setup
        self._runner = runner
        self._engine = make_engine(setup, place, self._tell)
        self._journal = Journal(place.journal)
        board = Board(self._journal)
        pictures = Pictures(place.images, board.unfinished_requests())
        self._visitors: dict[Visitor, asyncio.Task[None] | None] = {}
        self._ended = asyncio.Event()
        self._idle_since = time.monotonic()
        self.work = Work(board, pictures, self._engine, runner, self._tell)
        self._telemetry = Telemetry(
            self._engine,
            NvidiaSmi(visible_devices(setup, os.environ)),
            self.work.counts,
            lambda: bool(self._visitors),
            self._tell,
        )

    async def run(self, ready: Callable[[], None]) -> None:
        """Serve until told to stop, a signal comes, or nothing has happened for `idle_timeout`.

        `ready` is called once apps can connect.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._ended.set)
        with _logging_to(self._place, self._tell):
            _log.info("runner %s serves with the engine %s", self._runner, self._setup.engine)
            for damage in self._journal.damages:
                _log.warning(
                    "the journal had %d %s bytes at %d; they were set aside beside it",
                    damage.size, "torn" if damage.torn else "damaged", damage.offset,
                )  # fmt: skip
            server = await asyncio.start_unix_server(self._visit, self._place.socket)
            working = asyncio.create_task(self.work.run())
            looking = asyncio.create_task(self._telemetry.run())
            ready()
            try:
                await self._until_ended(working)
            except Exception:
                _log.exception("the daemon cannot go on")
                raise
            finally:
                self._ended.set()
                server.close()
                self._place.socket.unlink(missing_ok=True)
                await self._see_off()
                looking.cancel()
                await asyncio.gather(looking, return_exceptions=True)
                working.cancel()
                await asyncio.gather(working, return_exceptions=True)
                self._journal.close()

    async def welcome(self, hello: Hello) -> Welcome | Fatal:
        """The answer to an app's greeting; a daemon that the app would replace makes room if idle."""
        unfinished = await self.work.unfinished()
        wanted = (hello.runner, hello.setup)
        looks = wanted == ("", "")
        outdated = not looks and wanted != (self._runner, self._setup.fingerprint())
        # Whoever only looks on (at the log, for hours) keeps nobody from working.
        at_work = [visitor for visitor in self._visitors if not visitor.looks]
        if outdated and not unfinished and len(at_work) == 1:
            self._ended.set()
        if self._ended.is_set():
            return Fatal("replaced", "the daemon made room for another one")
        self._telemetry.look()
        return Welcome(
            protocol=min(NEWEST_PROTOCOL, hello.newest),
            runner=self._runner,
            journal=self._journal.id,
            last=self._journal.last,
            engine=self._engine.name,
            setup=self._setup.fingerprint(),
            notice=self._engine.notice,
            slots=self._engine.slots,
            unfinished=unfinished,
        )

    async def stop(self, visitor: Visitor, only_idle: bool) -> None:
        """End, for an app that asked; with `only_idle`, unless there is work or another app."""
        alone = self._visitors.keys() <= {visitor}
        if not only_idle or (alone and not await self.work.unfinished()):
            self._ended.set()

    async def _visit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visitor = Visitor(self, reader, writer)
        self._visitors[visitor] = asyncio.current_task()
        try:
            await visitor.run()
        finally:
            del self._visitors[visitor]
            self._idle_since = time.monotonic()

    async def _see_off(self) -> None:
        """End the visits while there still is a journal to serve them from."""
        visits = [visit for visit in self._visitors.values() if visit is not None]
        for visit in visits:
            visit.cancel()
        if visits:
            await asyncio.wait(visits, timeout=_FAREWELL_SECONDS)

    def _tell(self, message: FromBox | None) -> None:
        for visitor in self._visitors:
            visitor.tell(message)

    async def _until_ended(self, working: asyncio.Task[None]) -> None:
        touched = time.monotonic()
        while not self._ended.is_set():
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._ended.wait(), _TICK)
            if working.done():
                working.result()
            if not self._place.socket.exists():
                _log.error(
                    "%s was removed; ending, so that another daemon can serve", self._place.socket
                )
                return
            now = time.monotonic()
            if now - touched > _TOUCH_SECONDS:
                os.utime(self._place.socket)
                os.utime(self._place.lock)
                touched = now
            if self._visitors or await self.work.unfinished():
                self._idle_since = now
            elif now - self._idle_since > self._setup.idle_timeout:
                _log.info("idle for %.0f s; ending", self._setup.idle_timeout)
                return


@contextmanager
def hold_lock(place: Place) -> Iterator[None]:
    """The right to serve this place. Raises TakenError when another daemon has it."""
    descriptor = os.open(place.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + _LOCK_SECONDS
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                # A daemon that makes room holds it for a moment still, but has no socket any more.
                if place.socket.exists() or time.monotonic() > deadline:
                    raise TakenError(str(place.lock)) from None
                time.sleep(0.05)
        place.socket.unlink(missing_ok=True)  # left by a daemon that was killed
        yield
    finally:
        os.close(descriptor)


class _TellingHandler(logging.Handler):
    """Sends the log to the apps, too."""

    def __init__(self, loop: asyncio.AbstractEventLoop, tell: _Tell) -> None:
        super().__init__()
        self._loop = loop
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        level = "error" if record.levelno >= logging.ERROR else record.levelname.lower()
        try:
            message = Log(record.created, level, record.name, record.getMessage())
            self._loop.call_soon_threadsafe(self._tell, message)
        except Exception:  # noqa: BLE001 - as logging does: a bad log line ends nothing
            self.handleError(record)


@contextmanager
def _logging_to(place: Place, tell: _Tell) -> Iterator[None]:
    to_file = logging.handlers.RotatingFileHandler(
        place.log, maxBytes=_LOG_BYTES, backupCount=2, delay=True,
        # An engine may log anything, and the box's locale may know less.
        encoding="utf-8", errors="backslashreplace",
    )  # fmt: skip
    to_file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    handlers = [to_file, _TellingHandler(asyncio.get_running_loop(), tell)]
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    for handler in handlers:
        root.addHandler(handler)
    try:
        yield
    finally:
        for handler in handlers:
            root.removeHandler(handler)
            handler.close()
