"""Lets the run on one box take jobs of its fleet: as many as keep the box busy, while its link is live."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from backend.box.status_text import away_words
from backend.dispatch.fleet import FleetMember
from backend.dispatch.jobs.ledger import Ledger
from backend.dispatch.jobs.waiting_jobs import WaitingJobs
from backend.dispatch.sending.last_welcome import LastWelcome
from backend.events import (
    BoxStatus,
    EngineStarting,
    Event,
    JobCancelled,
    JobDone,
    JobFailed,
    JobPaused,
    JobPostponed,
    JobTaken,
    LinkChanged,
    LinkState,
)
from backend.planning.sharing import BoxLoad
from backend.store import Job

_NEWEST = 0.2
"""How much the newest answer counts for how long an answer takes; the earlier ones count for the rest."""


class Taker:
    """Takes jobs for one run, and gives those back that the box cannot be sent."""

    def __init__(
        self,
        member: FleetMember | None,
        watch: Callable[[Event], None],
        waiting: WaitingJobs,
        last_welcome: LastWelcome,
    ) -> None:
        """`member` is None for a run that shares no jobs. `watch` is called with every event."""
        self._member = member
        self._watch = watch
        self._waiting = waiting
        self._last_welcome = last_welcome
        self._link = LinkState.CONNECTING
        self._is_away = False
        """Whether the model server was away when that was heard last."""
        self._taken: set[int] = set()
        """Numbers of the jobs that this run has taken."""

    def hear(self, event: Event) -> None:
        """Pass an event of the run on, and note what it says of the box."""
        self._watch(event)
        if self._member is None:
            return
        match event:
            case LinkChanged():
                self._link = event.state
                self._member.is_awaited &= event.state in (LinkState.CONNECTING, LinkState.LIVE)
            case EngineStarting() | BoxStatus():
                self._is_away = bool(away_words(event.stage))
            case JobDone():
                before = self._member.seconds
                self._member.seconds = event.seconds
                if before is not None:
                    self._member.seconds = before + _NEWEST * (event.seconds - before)
            case JobFailed() | JobCancelled() | JobPaused() | JobPostponed():
                pass
            case _:
                return
        self._member.fleet.wake()

    def note_welcome(self) -> None:
        """Note that the box has greeted over a new link, with its slots."""
        if self._member is not None:
            self._member.fleet.wake()

    def begin(self, ledger: Ledger) -> None:
        """Keep the run open if there are jobs to take. To be called before the run begins."""
        if self._member is not None and self._member.has_more:
            ledger.keep_open(True)

    async def run(self, ledger: Ledger, add: Callable[[Sequence[Job]], Awaitable[int]]) -> None:
        """Take jobs and `add` them to the run, until this task is cancelled."""
        if self._member is None:
            return
        while True:
            await self._member.woken.wait()
            self._member.woken.clear()
            await self._look(self._member, ledger, add)

    def close(self) -> None:
        """Take no more."""
        if self._member is not None:
            self._member.fleet.leave(self._member)

    async def _look(
        self, member: FleetMember, ledger: Ledger, add: Callable[[Sequence[Job]], Awaitable[int]]
    ) -> None:
        waiting = [number for number in self._waiting.numbers() if number in self._taken]
        if self._link in (LinkState.RETRYING, LinkState.STOPPED):
            await self._give_back(waiting, member, ledger)
        elif waiting:
            member.load = self._load(member, ledger)
            unwanted = member.unwanted(len(waiting))
            await self._give_back(waiting[len(waiting) - unwanted :], member, ledger)
        while not ledger.all_ended.is_set():
            member.load = self._load(member, ledger)
            if not member.may_take():
                break
            ledger.keep_open(True)
            # Not to be torn: a job that is taken is added to the run.
            await ledger.run_shielded(self._take(member, add))
        ledger.keep_open(member.has_more and not ledger.postponed)

    async def _take(
        self, member: FleetMember, add: Callable[[Sequence[Job]], Awaitable[int]]
    ) -> None:
        jobs = await member.take()
        for job in jobs:
            self._taken.add(job.number)
            self._watch(JobTaken(job.number, job.name, member.box))
        await add(jobs)
        member.fleet.wake()  # another box may have left these to this one

    def _load(self, member: FleetMember, ledger: Ledger) -> BoxLoad | None:
        """Return what the box has to do; None while it cannot take a job."""
        can_take = self._link is LinkState.LIVE and not self._is_away and not ledger.postponed
        if not can_take or not self._waiting.may_send or not self._last_welcome.slots:
            return None
        return BoxLoad(self._last_welcome.slots, ledger.active_count, member.seconds)

    async def _give_back(self, numbers: Sequence[int], member: FleetMember, ledger: Ledger) -> None:
        """Give back these jobs, which were taken and wait here. What may be on the box stays with it."""
        jobs = ledger.active(self._waiting.withdraw(frozenset(numbers)))
        if jobs:
            self._taken.difference_update(job.number for job in jobs)
            await ledger.give_back(jobs)
            for job in jobs:
                self._watch(JobTaken(job.number, job.name, ""))
            await member.fleet.look()
