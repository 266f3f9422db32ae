"""Fills the engine's slots: starts waiting jobs, ends cancelled ones, and writes how each attempt ended."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import logging
import time
from collections.abc import Callable, Sequence

from remote.engines import (
    BadRequest,
    Engine,
    EngineAway,
    EngineError,
    EngineGone,
    EngineReplaced,
    require_engine,
)
from remote.jobs.answering import collect_answer
from remote.jobs.board import Board, EngineAttempt, JobState
from remote.jobs.disk_thread import DiskThread
from remote.jobs.intake import Intake, Preference, StopApps, first_line
from remote.jobs.journal import JournalError
from remote.jobs.late_orders import LateOrders
from remote.jobs.pictures import MissingPicture, PictureLost, Pictures
from remote.jobs.records import RecordTooLarge
from remote.jobs.setbacks import Setbacks
from remote.jobs.spending import Spending
from remote.protocol import (
    MOST_FALLS,
    MOST_LOSSES,
    Answer,
    Delta,
    Durable,
    EngineStage,
    FromBox,
    Refused,
    Request,
    Started,
    Submit,
    Unknown,
)

_log = logging.getLogger(__name__)


def _tell_nobody(_kind: str, _reason: str) -> None:
    """A callback for a box to which no app is attached."""


class Scheduler:
    """Runs the jobs of one board on one engine.

    Board and pictures block on the disk, so every call to them runs on a separate thread.
    """

    def __init__(
        self,
        board: Board,
        pictures: Pictures,
        engine: Engine,
        runner: str,
        tell: Callable[[FromBox | None], None],
        stop_apps: StopApps = _tell_nobody,
        spending: Spending | None = None,
    ) -> None:
        """`tell` sends a message without a `seq` to every app; None means that the journal grew. `stop_apps`
        tells every app to go, as in `Intake`. Without `spending`, nothing has a cost.
        """
        self._board = board
        self._pictures = pictures
        self._engine = engine
        self._serves = ""
        """What the engine serves, when it was asked last."""
        self._runner = runner
        self._spending = spending or Spending()
        self._tell = tell
        self._wake = asyncio.Event()
        self._wake.set()
        self._disk = DiskThread(self._wake.set)
        self._running: dict[str, asyncio.Task[None]] = {}
        self._cancelling: dict[str, asyncio.Task[None]] = {}
        self._setbacks = Setbacks()
        self._orders = LateOrders(lambda jobs: self._disk.call(self._board.arrange, jobs))
        # Held while a job changes from waiting to running, so that a cancel finds it in one of the states.
        self._starting = asyncio.Lock()
        self._intake = Intake(self._wake.set, self._tell_stage, stop_apps)

    async def run(self) -> None:
        """Start jobs as slots become free, until cancelled; then put running jobs back for the next daemon.

        Raises JournalError as soon as any call met one: the next daemon repairs the journal as it opens it.
        """
        try:
            with contextlib.suppress(EngineError):
                await self.serves()
            while self._disk.journal_error is None:
                await self._wake.wait()
                self._wake.clear()
                await self._fill_slots()
            raise self._disk.journal_error
        finally:
            self._intake.close()
            await self._orders.close()
            tasks = [*self._cancelling.values(), *self._running.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            with contextlib.suppress(OSError, JournalError):
                await self._disk.call(self._put_back)
            await self._engine.close()
            self._disk.close()

    @property
    def stage(self) -> str:
        """The stage for a Status: why no job starts, or else the engine's own."""
        return self._intake.stage or self._engine.stage

    @property
    def is_stuck(self) -> bool:
        """Whether the jobs wait for somebody to mend the box or its settings, and none runs."""
        return self._intake.is_closed_for_good and not self._running

    async def serves(self) -> str:
        """Ask the engine what it serves. Raises EngineError when it does not know."""
        model, self._serves = self._engine.model, await asyncio.to_thread(self._engine.serves)
        if self._engine.model != model:
            _log.info("the model server has %r alone, and it answers", self._engine.model)
        return self._serves

    def try_again(self) -> None:
        """Try the engine's server again, if it could not start until somebody mended the box."""
        self._intake.try_again()

    def look_for_slots(self) -> None:
        """Start waiting jobs, if the engine has more slots than before."""
        self._wake.set()

    async def submit(self, message: Submit) -> Refused | list[Durable]:
        """Accept a job. Returns the messages that it has already, or why it was refused."""
        if message.job != message.request.job_id():
            return Refused(message.job, "request", "the job's id is not its request's hash")
        try:
            told = await self._disk.call(self._accept, message)
        except EngineReplaced as error:
            return Refused(message.job, "engine", str(error))
        except MissingPicture as error:
            return Refused(message.job, "pictures", str(error))
        except (ValueError, RecordTooLarge) as error:
            return Refused(message.job, "request", str(error))
        except OSError as error:
            return Refused(message.job, "disk", f"the box cannot keep the job: {error.strerror}")
        self._changed()
        return told

    async def known(self, jobs: Sequence[str]) -> list[Durable | Unknown]:
        """The durable messages of the last attempt at each job; Unknown for a job that is not here."""

        def read() -> list[Durable | Unknown]:
            found: list[Durable | Unknown] = []
            for job in jobs:
                told = [] if self._board.state(job) is None else self._board.messages_of(job)
                found += list(told) or [Unknown(job)]
            return found

        return await self._disk.call(read)

    async def arrange(self, jobs: Sequence[str]) -> None:
        """Put those of these jobs that wait into this order; on a full disk, as soon as there is room."""
        await self._orders.take(jobs)

    async def begin_cancel(self, job: str) -> None:
        """Cancel a waiting or running job in a separate task, because a full disk may delay it for hours, and
        the app's next messages must not wait for it.
        """
        state = await self._disk.call(self._board.state, job)
        if state in (JobState.WAITING, JobState.RUNNING) and job not in self._cancelling:
            task = self._cancelling[job] = asyncio.create_task(self.cancel(job))
            task.add_done_callback(functools.partial(self._cancel_ended, job))

    async def cancel(self, job: str) -> None:
        """Cancel a waiting or running job. Returns when that is on the disk and the job's slot is free."""
        async with self._starting:
            task = self._running.get(job)
            if task is not None:
                task.cancel()
                await asyncio.wait([task])
            await self._end_job(job, lambda: self._board.cancel(job))
        self._changed()

    async def check(self) -> None:
        """Raise JournalError when the journal file was removed or something else wrote to it, and OSError."""
        await self._disk.call(self._board.check)

    async def forget_ended(self, keep: float) -> int:
        """Forget the jobs that ended more than `keep` seconds ago; return how many. Raises OSError."""
        return await self._disk.call(self._board.forget_ended, keep)

    async def unfinished(self) -> int:
        """The number of jobs that wait or run."""
        return await self._disk.call(lambda: self._board.unfinished)

    async def counts(self) -> tuple[int, int]:
        """The number of waiting jobs, and of running ones."""
        unfinished = await self.unfinished()
        running = len(self._running)
        return max(0, unfinished - running), running

    async def messages_after(self, seq: int, most: int) -> list[tuple[int, Durable | None]]:
        """The seqs and messages of the next `most` records after `seq`, as in `Board.messages_after`."""

        def read() -> list[tuple[int, Durable | None]]:
            return list(itertools.islice(self._board.messages_after(seq), most))

        return await self._disk.call(read)

    def _accept(self, message: Submit) -> list[Durable]:
        state = self._board.state(message.job)
        if state in (None, JobState.FAILED, JobState.CANCELLED):
            require_engine(message.request, self._serves)
            self._pictures.keep(message.request.frames, message.images)
            try:
                self._board.accept(message.job, message.request, message.app)
            except (OSError, JournalError, RecordTooLarge):
                self._pictures.release(message.request)
                raise
            return []
        return list(self._board.messages_of(message.job))

    async def _fill_slots(self) -> None:
        while self._intake.has_room(len(self._running), self._engine.slots):
            async with self._starting:
                suspects = self._setbacks.suspects()
                preference = self._intake.preference().apart(suspects, self._running)
                attempt = await self._disk.persist(self._start_next, preference)
                if isinstance(attempt, str):
                    if not self._running:  # an app that is sent away hears of no answer any more
                        self._intake.note_limit(attempt)
                    break
                if attempt is None:
                    if not self._running:
                        self._intake.note_idle()
                    break
                self._intake.note_start(attempt.job)
                task = asyncio.create_task(self._attempt(attempt))
                self._running[attempt.job] = task
                task.add_done_callback(functools.partial(self._free_slot, attempt.job))
        # `_start_next` may have ended jobs as failed.
        self._tell(None)

    def _start_next(self, preference: Preference) -> EngineAttempt | str | None:
        """Start the next waiting job; None when none waits that may start now. A job that has crashed the
        runner too often fails instead. Returns the reason when no more may be spent.
        """
        while (job := self._board.next_waiting(preference.first, preference.last)) is not None:
            if job in preference.held:
                return None
            if reason := self._spending.reason_to_stop(self._board.spent):
                return reason
            if not self._board.has_crashed_runner(job):
                return self._board.start(job)
            words = f"the runner died {MOST_FALLS} times during this job"
            self._end(job, functools.partial(self._board.fail, job, "internal", words))
        return None

    def _free_slot(self, job: str, task: asyncio.Task[None]) -> None:
        if self._running.get(job) is task:
            del self._running[job]
            self._intake.note_free(job)
        _retrieve_exception(task)
        self._changed()

    def _cancel_ended(self, job: str, task: asyncio.Task[None]) -> None:
        del self._cancelling[job]
        _retrieve_exception(task)

    def _put_back(self) -> None:
        """Make the running jobs wait again, so that an orderly end does not count as a crash."""
        for job in reversed(self._board.running()):
            self._board.wait_again(job)

    async def _attempt(self, attempt: EngineAttempt) -> None:
        job = attempt.job
        self._tell(Started(job, attempt.number, self._setbacks.reason(job)))
        try:
            answer = await self._answer(attempt)
            self._intake.note_answer(job)
            self._spending.note_answer(answer.cost)
            await self._end_job(job, lambda: self._board.finish(job, answer))
        except BadRequest as error:
            await self._fail(job, "request", str(error), self._spending.cost(error.usage))
        except EngineAway as error:
            _log.info("job %s, attempt %d: %s", job[:12], attempt.number, first_line(error))
            if self._intake.note_away(job, error):
                await self._note_engine_error(job, error)
            else:
                await self._disk.persist(
                    self._board.wait_again, job, self._spending.cost(error.usage)
                )
        except (EngineError, OSError) as error:
            _log.warning("job %s, attempt %d: %s", job[:12], attempt.number, first_line(error))
            await self._note_engine_error(job, error)
        except (EngineReplaced, PictureLost) as error:
            await self._give_back(job, error)
        except RecordTooLarge as error:
            await self._fail(job, "engine", f"the answer is too long to be kept: {error}")
        except JournalError:
            raise
        except Exception as error:  # noqa: BLE001 - one bad job must not end the others
            _log.exception("job %s", job[:12])
            await self._fail(job, "internal", f"{type(error).__name__}: {error}")

    async def _note_engine_error(self, job: str, error: EngineError | OSError) -> None:
        """Count the engine's error as an attempt at the job: it waits again, or it fails."""
        if isinstance(error, EngineGone):
            await self._note_loss(job, error)
            return
        cost = None
        if isinstance(error, EngineError):
            self._intake.note_answer(job)
            cost = self._spending.cost(error.usage)
        if self._setbacks.note_error(job, error):
            await self._disk.persist(self._board.wait_again, job, cost)
        else:
            await self._fail(job, "engine", str(error), cost)

    async def _note_loss(self, job: str, error: EngineGone) -> None:
        """Let a job whose replica has gone wait again. One that has lost too many fails as the cause."""
        self._intake.note_gone(job)
        self._setbacks.note_loss(job, error, counts=not error.was_asked)
        cost = self._spending.cost(error.usage)
        if error.was_asked:
            await self._disk.persist(self._board.wait_again, job, cost)
        elif not await self._disk.persist(self._board.wait_after_loss, job, cost):
            gone = f"{MOST_LOSSES + 1} replicas have gone or broken down"
            whole = f"{error}\n{gone} while they worked on this job"
            await self._fail(job, "engine", whole, cost)

    async def _answer(self, attempt: EngineAttempt) -> Answer:
        job, request = attempt.job, attempt.request
        require_engine(request, self._serves or await self.serves())
        images = await self._disk.call(self._pictures.load, request)
        self._intake.require_open(job)

        def hear_text(offset: int, piece: str) -> None:
            self._intake.note_text(job)
            self._tell(Delta(job, attempt.number, offset, piece))

        return await collect_answer(
            self._engine,
            attempt,
            images,
            self._runner,
            self._spending,
            hear_text,
            self._intake.hold,
        )

    async def _give_back(self, job: str, error: EngineReplaced | PictureLost) -> None:
        """Fail a job in the way by which the app knows that it is to send it again."""
        if isinstance(error, EngineReplaced):
            with contextlib.suppress(EngineError):
                await self.serves()  # until the app knows it, its submissions are refused
        kind = "replaced" if isinstance(error, EngineReplaced) else "pictures"
        await self._fail(job, kind, f"{error}; try the job again, and it is sent again")

    async def _fail(self, job: str, kind: str, message: str, cost: float | None = None) -> None:
        await self._end_job(job, lambda: self._board.fail(job, kind, message, cost))

    async def _end_job(self, job: str, note: Callable[[], None]) -> None:
        await self._disk.persist(self._end, job, note)
        self._intake.forget(job)

    def _end(self, job: str, note: Callable[[], None]) -> None:
        """Write the end of a job by the callback `note`, unless it has ended; then release its pictures."""
        if self._board.state(job) not in (JobState.WAITING, JobState.RUNNING):
            return
        request: Request = self._board.request(job)
        note()
        self._setbacks.forget(job)
        self._pictures.release(request)

    def _tell_stage(self, stage: str) -> None:
        self._tell(EngineStage(time.time(), stage))

    def _changed(self) -> None:
        self._wake.set()
        self._tell(None)


def _retrieve_exception(ended: asyncio.Task[None]) -> None:
    """Read the task's exception, else asyncio logs a warning. `_on_disk` has kept a JournalError already."""
    if not ended.cancelled():
        ended.exception()
