"""The daemon: one for each box and root. It holds the journal, keeps the engine busy and lets apps attach.

It outlives the connections that feed it: an app that goes away takes no work with it. It ends by itself
when it has had no work and no app for the setup's `idle_timeout`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import logging.handlers
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from remote.daemon.gpus import NvidiaSmi, visible_devices
from remote.daemon.telemetry import Telemetry
from remote.daemon.visitor import Visitor
from remote.engines import EngineAway, EngineError, Replicated
from remote.engines.catalog import end_other_engines, make_engine
from remote.jobs.board import Board
from remote.jobs.journal import Journal, JournalError
from remote.jobs.pictures import Pictures
from remote.jobs.records import Damage
from remote.jobs.slots import Scheduler
from remote.jobs.spending import Spending
from remote.paths import DaemonPaths
from remote.peer_credentials import is_another_user
from remote.protocol import (
    NEWEST_PROTOCOL,
    EngineStage,
    Fatal,
    FromBox,
    Hello,
    Log,
    Setup,
    Welcome,
    encode,
    log_text,
)

_log = logging.getLogger(__name__)

_Tell = Callable[["FromBox | None"], None]

_TICK = 0.5
"""Seconds between two polls of whether the daemon is idle."""
_TOUCH_SECONDS = 3600.0
"""Seconds between two renewals of the times of socket and lock: /var/tmp is cleaned of old files."""
_LOG_BYTES = 10_000_000
_DAY = 86_400.0
_FORGET_SECONDS = _DAY
"""Seconds between two removals of jobs that ended more than `keep_days` ago."""
_FAREWELL_SECONDS = 10.0
_MOST_DAMAGES_TOLD = 5
MOST_VISITORS = 32
"""Connections at once. Each may hold in memory an incomplete message of up to 64 MiB."""


class Daemon:
    """A running daemon. Make one inside its event loop."""

    def __init__(self, paths: DaemonPaths, setup: Setup, runner: str) -> None:
        """Open journal and engine. Raises JournalError, OSError and NoEngineError."""
        self._paths = paths
        self._setup = setup
        self._runner = runner
        self._engine = make_engine(setup, paths, self._hear_stage)
        self._journal = Journal(paths.journal)
        self._complaints = describe_damages(self._journal.damages)
        """Warnings about damage in the journal, which every app gets when it attaches."""
        board = Board(self._journal)
        self._strange = dict(board.strange)
        pictures = Pictures(paths.images, board.unfinished_requests())
        self._visitors: dict[Visitor, asyncio.Task[None] | None] = {}
        self._stoppers: set[Visitor] = set()
        """Visitors that asked the daemon to end. Their connections stay open until the engine has ended."""
        self._ended = asyncio.Event()
        self._began = time.time()
        self._idle_since = time.monotonic()
        self.scheduler = Scheduler(
            board,
            pictures,
            self._engine,
            runner,
            self._tell,
            self._stop_apps,
            Spending(setup.openai),
        )
        self._telemetry = Telemetry(
            self._engine,
            NvidiaSmi(visible_devices(setup, os.environ)),
            self.scheduler.counts,
            lambda: self.scheduler.stage,
            lambda: bool(self._visitors),
            self._tell,
        )

    async def run(self, ready: Callable[[], None]) -> None:
        """Serve until told to stop, a signal comes, or nothing has happened for `idle_timeout`.

        `ready` is called once apps can connect.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._ended.set)
        with _logging_to(self._paths, self._tell):
            _log.info("runner %s serves with the engine %s", self._runner, self._setup.engine)
            for words in self._complaints:
                _log.warning("%s", words)
            for kind, count in self._strange.items():
                _log.info("kept %d records of kind %s that this runner cannot read", count, kind)
            await self._forget_old()
            server = await asyncio.start_unix_server(self._visit, self._paths.socket)
            scheduling = asyncio.create_task(self._schedule())
            looking = asyncio.create_task(self._telemetry.run())
            self._idle_since = time.monotonic()
            ready()
            try:
                await self._until_ended(scheduling)
            except JournalError as error:
                _log.error("%s; ending, so that the next daemon can mend what can be mended", error)
            except Exception:
                _log.exception("the daemon cannot go on")
                raise
            finally:
                await self._end(server, looking, scheduling)

    async def _schedule(self) -> None:
        await end_other_engines(self._setup, self._paths)
        await self.scheduler.run()

    async def _end(
        self, server: asyncio.Server, looking: asyncio.Task[None], scheduling: asyncio.Task[None]
    ) -> None:
        self._ended.set()
        server.close()
        with contextlib.suppress(OSError):
            self._paths.socket.unlink()
        await self._see_off(self._visitors.keys() - self._stoppers)
        for stopper in list(self._stoppers):
            await stopper.fall_silent()
        for task in (looking, scheduling):
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        # The scheduler closes it, too, but an error or this cancel may have broken off what it does before.
        await self._engine.close()
        self._journal.close()
        await self._see_off(self._visitors.keys())

    async def welcome(self, hello: Hello) -> Welcome | Fatal:
        """Return the answer to an app's Hello.

        A daemon without work ends for an app that would start another runner or setup (Fatal "replaced").
        So does one whose jobs wait for somebody to mend its setup; the next daemon has its jobs.
        """
        unfinished = await self.scheduler.unfinished()
        wanted = (hello.runner, hello.setup)
        looks = wanted == ("", "")
        outdated = not looks and wanted != (self._runner, self._setup.fingerprint())
        # An app that only watches (the log, for hours) does not keep the daemon from being replaced.
        at_work = [visitor for visitor in self._visitors if not visitor.looks]
        at_rest = not unfinished or self.scheduler.is_stuck
        if outdated and at_rest and len(at_work) == 1:
            self._ended.set()
        if self._ended.is_set():
            return Fatal("replaced", "the daemon made room for another one")
        if not looks:
            self.scheduler.try_again()
        self._telemetry.poll_now()
        serves = ""
        try:
            serves = await self.scheduler.serves()
        except EngineError as error:
            if not looks:  # who only watches needs no model
                return Fatal(_kind_of(error), str(error))
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
            serves=serves,
            model=self._engine.model,
            context=await self._engine.context(),
        )

    async def count_tokens(self, system: str, prompt: str) -> int | None:
        """Return the tokens of a message without pictures; None where the engine does not count."""
        return await self._engine.count_tokens(system, prompt)

    async def change_replica(self, name: str, change: str) -> str:
        """Do what a `ChangeReplica` asks for, and let the apps hear of it. Returns why that is not done."""
        if not isinstance(self._engine, Replicated):
            return f"the engine {self._setup.engine} has no replicas that can be changed"
        refusal = await self._engine.change_replica(name, change)
        self._telemetry.poll_now()
        return refusal

    async def stop(self, visitor: Visitor, only_idle: bool) -> None:
        """End the daemon for an app that asked. With `only_idle`, do so only without work and other apps.

        The app's connection closes last: its end shows that the engine's processes have ended, too.
        """
        alone = self._visitors.keys() <= {visitor}
        if not only_idle or (alone and not await self.scheduler.unfinished()):
            self._stoppers.add(visitor)
            self._ended.set()

    async def _visit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if is_another_user(writer.get_extra_info("socket")):
            _log.warning("another user of this machine was sent away")
            writer.transport.abort()
            return
        if len(self._visitors) >= MOST_VISITORS:
            crowd = f"{MOST_VISITORS} apps are attached already, which are all that are served"
            writer.write(encode(Fatal("internal", crowd)))
            writer.close()
            return
        visitor = Visitor(self, reader, writer)
        for words in self._complaints:
            visitor.tell(Log(self._began, "warning", __name__, words))
        self._visitors[visitor] = asyncio.current_task()
        try:
            await visitor.run()
        except asyncio.CancelledError:
            # asyncio of Python 3.11 logs a traceback for a visit that ends as cancelled.
            if not self._ended.is_set():
                raise
        finally:
            del self._visitors[visitor]
            self._idle_since = time.monotonic()

    async def _see_off(self, visitors: Iterable[Visitor]) -> None:
        """Close the connections of these visitors. That must be done before the journal is closed."""
        visits = [visit for visitor in visitors if (visit := self._visitors.get(visitor))]
        for visit in visits:
            visit.cancel()
        if visits:
            await asyncio.wait(visits, timeout=_FAREWELL_SECONDS)

    def _hear_stage(self, stage: EngineStage) -> None:
        """Tell the apps what the engine says of itself. It may have other slots now."""
        self._tell(stage)
        self.scheduler.look_for_slots()

    def _tell(self, message: FromBox | None) -> None:
        for visitor in self._visitors:
            visitor.tell(message)

    def _stop_apps(self, kind: str, reason: str) -> None:
        """Send the apps away that send jobs, because no job starts until the user does something."""
        for visitor in self._visitors:
            if not visitor.looks:
                visitor.tell(Fatal(kind, reason))

    async def _until_ended(self, scheduling: asyncio.Task[None]) -> None:
        """Wait until the daemon is to end, and do the periodic work until then.

        Raises JournalError when the journal file was removed, or something else wrote to it.
        """
        touched = forgot = time.monotonic()
        while not self._ended.is_set():
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._ended.wait(), _TICK)
            if scheduling.done():
                scheduling.result()
            with contextlib.suppress(OSError):
                await self.scheduler.check()
            if not self._paths.socket.exists():
                _log.error(
                    "%s was removed; ending, so that another daemon can serve", self._paths.socket
                )
                return
            now = time.monotonic()
            if now - touched > _TOUCH_SECONDS:
                self._paths.touch()
                touched = now
            if now - forgot > _FORGET_SECONDS:
                await self._forget_old()
                forgot = now
            if self._visitors or await self.scheduler.unfinished():
                self._idle_since = now
            elif now - self._idle_since > self._setup.idle_timeout:
                _log.info("idle for %.0f s; ending", self._setup.idle_timeout)
                return

    async def _forget_old(self) -> None:
        """Remove jobs from the journal that ended more than `keep_days` ago; 0 keeps everything."""
        if not self._setup.keep_days:
            return
        try:
            count = await self.scheduler.forget_ended(self._setup.keep_days * _DAY)
        except OSError as error:
            _log.warning("cannot make room in the journal: %s", error.strerror)
            return
        if count:
            _log.info("forgot %d jobs that ended long ago", count)


def _kind_of(error: EngineError) -> str:
    """Return the kind of a Fatal for a server that cannot be asked for its model."""
    if not isinstance(error, EngineAway):
        return "engine"
    return "server" if error.for_good else "away"


def describe_damages(damages: Sequence[Damage]) -> list[str]:
    """Return a line for each of the first damages, and one line for all the others together."""
    lines = [
        f"the journal had {damage.size:,} {'torn' if damage.torn else 'damaged'} bytes at {damage.offset:,}; "
        "they were set aside beside it, and jobs whose records were among them are done again when an app "
        "sends them"
        for damage in damages[:_MOST_DAMAGES_TOLD]
    ]
    rest = damages[_MOST_DAMAGES_TOLD:]
    if rest:
        size = sum(damage.size for damage in rest)
        lines.append(f"and in {len(rest):,} more places {size:,} bytes, of which the same holds")
    return lines


class _HarmlessFormatter(logging.Formatter):
    """A formatter whose lines can be printed by any program: a model server may log terminal escapes."""

    def format(self, record: logging.LogRecord) -> str:
        return log_text(super().format(record))


class _TellingHandler(logging.Handler):
    """A logging handler that sends each log record to the attached apps."""

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
def _logging_to(paths: DaemonPaths, tell: _Tell) -> Iterator[None]:
    to_file = logging.handlers.RotatingFileHandler(
        paths.log, maxBytes=_LOG_BYTES, backupCount=2, delay=True,
        # An engine may log any character, and the encoding of the box's locale may lack some.
        encoding="utf-8", errors="backslashreplace",
    )  # fmt: skip
    to_file.setFormatter(_HarmlessFormatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
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
