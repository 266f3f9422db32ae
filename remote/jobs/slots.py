"""Fills the engine's slots: starts waiting jobs, ends cancelled ones, and writes how each attempt ended."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from remote.engines import BadRequest, Completion, Engine, EngineError
from remote.jobs.board import Board, EngineAttempt, JobState
from remote.jobs.journal import JournalError
from remote.jobs.pictures import MissingPicture, PictureLost, Pictures
from remote.jobs.records import RecordTooLarge
from remote.protocol import (
    ENGINE_ATTEMPTS,
    MOST_FALLS,
    Answer,
    Delta,
    Durable,
    FromBox,
    Refused,
    Request,
    Started,
    Submit,
)

T = TypeVar("T")

_log = logging.getLogger(__name__)

_DISK_PAUSE = 5.0
"""Seconds to wait before a write that failed (disk full) is tried again."""


class Scheduler:
    """Has one engine do the jobs of one board.

    Board and pictures block on the disk, so every call of theirs runs on one thread of their own: the
    loop stays free, and they see one caller at a time.
    """

    def __init__(
        self,
        board: Board,
        pictures: Pictures,
        engine: Engine,
        runner: str,
        tell: Callable[[FromBox | None], None],
    ) -> None:
        """`tell` passes a message of the moment to every app; None says that the journal grew."""
        self._board = board
        self._pictures = pictures
        self._engine = engine
        self._runner = runner
        self._tell = tell
        self._disk = ThreadPoolExecutor(max_workers=1, thread_name_prefix="disk")
        self._running: dict[str, asyncio.Task[None]] = {}
        self._cancelling: dict[str, asyncio.Task[None]] = {}
        self._engine_errors: dict[str, list[str]] = {}
        """What the engine failed at a job with, which is to be tried again."""
        self._trouble: JournalError | None = None
        """Why nothing can go on with this journal as it is open."""
        # Held while a job passes from waiting to running, so that a cancel finds it on either side.
        self._passing = asyncio.Lock()
        self._wake = asyncio.Event()
        self._wake.set()

    async def run(self) -> None:
        """Start jobs as slots come free, until cancelled; then those that run wait for the next daemon.

        Raises JournalError as soon as anybody meets one: a daemon that starts mends what it can.
        """
        try:
            while self._trouble is None:
                await self._wake.wait()
                self._wake.clear()
                await self._fill_slots()
            raise self._trouble
        finally:
            tasks = [*self._cancelling.values(), *self._running.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            with contextlib.suppress(OSError, JournalError):
                await self._on_disk(self._put_back)
            await self._engine.close()
            self._disk.shutdown()

    async def submit(self, message: Submit) -> Refused | list[Durable]:
        """Take a job in. Returns what there is to tell of it already, or why it was refused."""
        if message.job != message.request.job_id():
            return Refused(message.job, "request", "the job's id is not its request's hash")
        try:
            told = await self._on_disk(self._accept, message)
        except MissingPicture as error:
            return Refused(message.job, "pictures", str(error))
        except (ValueError, RecordTooLarge) as error:
            return Refused(message.job, "request", str(error))
        except OSError as error:
            return Refused(message.job, "disk", f"the box cannot keep the job: {error.strerror}")
        self._changed()
        return told

    async def begin_cancel(self, job: str) -> None:
        """Take back a job that waits or runs, in a task of its own: whoever asks has more to say, and a full
        disk may hold that up for hours.
        """
        state = await self._on_disk(self._board.state, job)
        if state in (JobState.WAITING, JobState.RUNNING) and job not in self._cancelling:
            task = self._cancelling[job] = asyncio.create_task(self.cancel(job))
            task.add_done_callback(functools.partial(self._cancel_ended, job))

    async def cancel(self, job: str) -> None:
        """Take back a job that waits or runs. Returns when that is on the disk, and its slot free."""
        async with self._passing:
            task = self._running.get(job)
            if task is not None:
                task.cancel()
                await asyncio.wait([task])
            await self._persist(self._end, job, lambda: self._board.cancel(job))
        self._changed()

    async def check(self) -> None:
        """Look whether the journal is still there, and ours. Raises JournalError, and OSError."""
        await self._on_disk(self._board.check)

    async def forget_ended(self, keep: float) -> int:
        """Forget the jobs that ended so many seconds ago; returns how many. Raises OSError."""
        return await self._on_disk(self._board.forget_ended, keep)

    async def unfinished(self) -> int:
        """Jobs that wait or run."""
        return await self._on_disk(lambda: self._board.unfinished)

    async def counts(self) -> tuple[int, int]:
        """How many jobs wait, and how many run."""
        unfinished = await self.unfinished()
        running = len(self._running)
        return max(0, unfinished - running), running

    async def told_after(self, seq: int, most: int) -> list[tuple[int, Durable | None]]:
        """The next durable messages after `seq`, at most `most`."""

        def read() -> list[tuple[int, Durable | None]]:
            return list(itertools.islice(self._board.told_after(seq), most))

        return await self._on_disk(read)

    def _accept(self, message: Submit) -> list[Durable]:
        state = self._board.state(message.job)
        if state in (None, JobState.FAILED, JobState.CANCELLED):
            self._pictures.keep(message.request.frames, message.images)
            try:
                self._board.accept(message.job, message.request)
            except (OSError, JournalError, RecordTooLarge):
                self._pictures.release(message.request)
                raise
            return []
        return list(self._board.told_of(message.job))

    async def _fill_slots(self) -> None:
        while len(self._running) < self._engine.slots:
            async with self._passing:
                attempt = await self._persist(self._start_next)
                if attempt is None:
                    break
                task = asyncio.create_task(self._attempt(attempt))
                self._running[attempt.job] = task
                task.add_done_callback(functools.partial(self._left, attempt.job))
        # Jobs may have been given up.
        self._tell(None)

    def _start_next(self) -> EngineAttempt | None:
        """Begin the job that has waited longest; one that kills the runner is given up instead."""
        while (job := self._board.first_waiting) is not None:
            if not self._board.kills(job):
                return self._board.start(job)
            reason = f"the runner died {MOST_FALLS} times during this job"
            self._end(job, functools.partial(self._board.fail, job, "internal", reason))
        return None

    def _left(self, job: str, task: asyncio.Task[None]) -> None:
        if self._running.get(job) is task:
            del self._running[job]
        _take_note(task)
        self._changed()

    def _cancel_ended(self, job: str, task: asyncio.Task[None]) -> None:
        del self._cancelling[job]
        _take_note(task)

    def _put_back(self) -> None:
        """Let the jobs that run wait: an end of the daemon in good order is not held against them."""
        for job in reversed(self._board.running()):
            self._board.wait_again(job)

    async def _attempt(self, attempt: EngineAttempt) -> None:
        job = attempt.job
        errors = self._engine_errors.get(job, [])
        self._tell(Started(job, attempt.number, errors[-1] if errors else ""))
        try:
            answer = await self._answer(attempt)
            await self._persist(self._end, job, lambda: self._board.finish(job, answer))
        except BadRequest as error:
            await self._fail(job, "request", str(error))
        except (EngineError, OSError) as error:
            _log.warning("job %s, attempt %d: %s", job[:12], attempt.number, error)
            errors = self._engine_errors.setdefault(job, [])
            errors.append(str(error))
            if len(errors) < ENGINE_ATTEMPTS:
                await self._persist(self._board.wait_again, job)
            else:
                await self._fail(job, "engine", str(error))
        except PictureLost as error:
            await self._fail(job, "pictures", f"{error}; try the job again, and it is sent again")
        except RecordTooLarge as error:
            await self._fail(job, "engine", f"the answer is too long to be kept: {error}")
        except JournalError:
            raise
        except Exception as error:  # noqa: BLE001 - one bad job must not end the others
            _log.exception("job %s", job[:12])
            await self._fail(job, "internal", f"{type(error).__name__}: {error}")

    async def _answer(self, attempt: EngineAttempt) -> Answer:
        job, request = attempt.job, attempt.request
        images = await self._on_disk(self._pictures.load, request)
        started = time.time()
        text = ""
        end: Completion | None = None
        async for piece in self._engine.generate(request, images):
            if isinstance(piece, Completion):
                end = piece
                continue
            self._tell(Delta(job, attempt.number, len(text), piece))
            text += piece
        if end is None:
            raise EngineError("the answer broke off")
        return Answer(
            text=text,
            finish_reason=end.finish_reason,
            engine=self._engine.name,
            prompt_tokens=end.prompt_tokens,
            completion_tokens=end.completion_tokens,
            runner=self._runner,
            notice=self._engine.notice,
            attempt=attempt.number,
            started=started,
            ended=time.time(),
        )

    async def _fail(self, job: str, kind: str, message: str) -> None:
        await self._persist(self._end, job, lambda: self._board.fail(job, kind, message))

    def _end(self, job: str, note: Callable[[], None]) -> None:
        """Note the end of a job that has none yet."""
        if self._board.state(job) not in (JobState.WAITING, JobState.RUNNING):
            return
        request: Request = self._board.request(job)
        note()
        self._engine_errors.pop(job, None)
        self._pictures.release(request)

    def _changed(self) -> None:
        self._wake.set()
        self._tell(None)

    async def _on_disk(self, call: Callable[..., T], *arguments: object) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._disk, call, *arguments)
        except JournalError as error:
            self._trouble = error
            self._wake.set()
            raise

    async def _persist(self, call: Callable[..., T], *arguments: object) -> T:
        """Write, however long the disk is full: what was accepted is never dropped."""
        while True:
            try:
                return await self._on_disk(call, *arguments)
            except OSError as error:
                _log.error("cannot write to the disk (%s); trying again", error.strerror)
                await asyncio.sleep(_DISK_PAUSE)


def _take_note(ended: asyncio.Task[None]) -> None:
    """A JournalError, which ends everything, is known by now."""
    if not ended.cancelled():
        ended.exception()
