"""Runs one batch on several boxes, or follows the process that holds the dispatcher lock.

Each box has a dispatcher, and takes jobs while it has slots for them. A box that fails for good ends alone:
the others do what it has not accepted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from backend.box.links.backoff import Backoff
from backend.dispatch.dispatcher import Dispatcher
from backend.dispatch.fleet import Fleet, FleetMember
from backend.dispatch.runs.box_news import NewsWriter, writing_news
from backend.dispatch.runs.give_up import GiveUpTimer
from backend.dispatch.runs.poll import poll_queue_changes
from backend.dispatch.runs.run_or_follow import beside, work_or_follow
from backend.dispatch.user_requests import cancel_unsent, pause_unsent
from backend.errors import BoxError, BoxUnreachable
from backend.events import (
    BoxStatus,
    EngineStarting,
    Event,
    JobDone,
    LinkChanged,
    LinkState,
    TextWritten,
)
from backend.planning.pace import Pace
from backend.store import Job, Store

_LOOK_SECONDS = 0.5
"""Seconds between two looks whether a box still makes progress."""


@dataclass(frozen=True, slots=True)
class FleetBox:
    """A box of the fleet, and how its jobs are run."""

    dispatcher: Callable[[Callable[[Event], None], FleetMember], Dispatcher]
    """Makes a Dispatcher that calls the function with every event."""
    pace: Pace


async def run_fleet(
    store: Store,
    jobs: Sequence[Job],
    watch: Callable[[Event], None],
    boxes: Mapping[str, FleetBox],
    give_up_after: float = 0.0,
) -> None:
    """Wait until these jobs have ended or are postponed, on whichever of these boxes.

    `watch` is called with every event. Raises BoxUnreachable when no box that has jobs has made progress for
    `give_up_after` seconds (0: never), or none could be reached at all; and the error that has stopped a box
    when there are jobs that only that box may end.
    """
    if jobs:
        timers = {box: GiveUpTimer(box, give_up_after, lambda _: None) for box in boxes}
        run = _FleetRun(store, watch, boxes, timers, _busy=set(boxes))
        try:
            async with beside(run.give_up_in_time()):
                await work_or_follow(run, jobs, tuple(boxes))
        finally:
            for timer in timers.values():
                timer.stop()


@dataclass(slots=True)
class _FleetRun:
    """The work of this process on a batch that several boxes share, while it holds the lock."""

    store: Store
    front_end: Callable[[Event], None]
    boxes: Mapping[str, FleetBox]
    timers: Mapping[str, GiveUpTimer]
    _fleet: Fleet = field(init=False)
    _numbers: frozenset[int] = frozenset()
    _dispatchers: dict[str, Dispatcher] = field(default_factory=dict)
    _busy: set[str] = field(default_factory=set)
    """The boxes that have jobs, or may take some."""
    _errors: dict[str, BoxError] = field(default_factory=dict)
    """Why boxes are stopped, or could not be reached the last time."""
    _ended: set[str] = field(default_factory=set)
    """The boxes that take no more, because they are stopped or have postponed a job."""
    _has_reached: bool = False
    """Whether any box was reached."""
    _is_over: asyncio.Event = field(default_factory=asyncio.Event)
    _woken: dict[str, asyncio.Event] = field(default_factory=dict)

    def watch(self, event: Event) -> None:
        """Pass an event on, and note which boxes make progress."""
        self.front_end(event)
        match event:
            case LinkChanged() | EngineStarting() | BoxStatus():
                if event.box in self.timers:
                    self.timers[event.box].hear(event)
                if isinstance(event, LinkChanged) and event.state is LinkState.LIVE:
                    self._has_reached = True
            case JobDone() | TextWritten():
                for timer in self.timers.values():
                    timer.hear(event)

    async def work_on(self, numbers: Sequence[int], holder: str) -> None:
        """Run the jobs with these numbers. `holder` is the mark of this process."""
        # Read again: the process that held the lock before may have finished some jobs and removed others.
        jobs = await asyncio.to_thread(self.store.jobs, numbers)
        if not jobs:
            return
        self._numbers = frozenset(numbers)
        await asyncio.to_thread(self.store.give_back_unsent)
        self._woken = {box: asyncio.Event() for box in self.boxes}
        self._fleet = Fleet(self.store, numbers, self._wake)
        await self._fleet.look()
        for box, made in self.boxes.items():
            self._fleet.join(box, made.pace)  # each is awaited, whose link is live first
        with writing_news(self.store, holder) as news:
            async with (
                beside(poll_queue_changes(self.store, self._obey), news.write()),
                asyncio.TaskGroup() as group,
            ):
                for box in self.boxes:
                    of_box = [job for job in jobs if job.box == box and not job.is_untaken]
                    group.create_task(self._serve(box, of_box, news))
        self._raise_what_is_left()

    async def _serve(self, box: str, jobs: Sequence[Job], news: NewsWriter) -> None:
        """Run the jobs of one box, and those that it takes, until all boxes are done."""
        backoff = Backoff()
        first = True
        while not self._is_over.is_set():
            self._woken[box].clear()
            if not first:
                jobs = await asyncio.to_thread(self._to_do, box)
            first = False
            if not jobs and not self._fleet.untaken_for(box):
                self._note_idle(box)
                await self._woken[box].wait()
                continue
            self._busy.add(box)
            try:
                has_postponed = await self._run(box, jobs, news)
            except BoxUnreachable as error:
                self._errors[box] = error
                if not self._has_reached and len(self._errors) == len(self.boxes):
                    raise
                if not jobs:
                    self._note_idle(box)
                wait = backoff.next()
                self._tell(LinkChanged(box, LinkState.RETRYING, error.problem, wait), news)
                await backoff.wait(wait, self._is_over)
                continue
            except BoxError as error:
                self._errors[box] = error
                self._ended.add(box)
                self._tell(LinkChanged(box, LinkState.STOPPED, str(error)), news, error)
                self._note_idle(box)
                return
            backoff.reset()
            if has_postponed:
                self._ended.add(box)
                self._note_idle(box)
                return
        self._note_idle(box)

    async def _run(self, box: str, jobs: Sequence[Job], news: NewsWriter) -> bool:
        """Run jobs on a box; returns whether some were postponed because the box cannot take them now."""
        made = self.boxes[box]
        member = self._fleet.join(box, made.pace)
        dispatcher = made.dispatcher(lambda event: self._tell(event, news), member)
        self._dispatchers[box] = dispatcher
        try:
            await dispatcher.run(jobs)
        finally:
            del self._dispatchers[box]
            self._fleet.leave(member)
            await self._fleet.look()
        return dispatcher.has_postponed

    def _tell(self, event: Event, news: NewsWriter, stopped_by: BoxError | None = None) -> None:
        self.watch(event)
        news.hear(event, stopped_by)

    def _note_idle(self, box: str) -> None:
        """Note that a box has nothing to do now. When none has, the run is over."""
        self._busy.discard(box)
        if not self._busy:
            # What another process has given to a box a moment ago is not seen by its poll yet.
            for other in self.boxes:
                if self._to_do(other):
                    self._wake(other)
        if not self._busy:
            self._is_over.set()
            for event in self._woken.values():
                event.set()

    def _wake(self, box: str) -> None:
        """Let a box look again whether it has something to do."""
        if box in self._woken and box not in self._ended:
            self._busy.add(box)
            self._woken[box].set()

    def _to_do(self, box: str) -> list[Job]:
        return [job for job in self.store.to_do(box) if job.number in self._numbers]

    async def _obey(self) -> None:
        """Apply the requests of other processes. Jobs of these that one queues again join the run."""
        places = await asyncio.to_thread(self.store.places)
        for dispatcher in tuple(self._dispatchers.values()):
            await dispatcher.apply_requests(places)
        to_pause = await asyncio.to_thread(self.store.asked_to_pause)
        here = [job.number for job in to_pause if job.box not in self._dispatchers]
        await pause_unsent(self.store, self.watch, here)
        to_cancel = await asyncio.to_thread(self.store.asked_to_cancel)
        for box in {job.box for job in to_cancel} - self._dispatchers.keys():
            await cancel_unsent(self.store, self.watch, box, to_cancel)
        for box, dispatcher in tuple(self._dispatchers.items()):
            # Not in a thread: a job that ends during the query would look as if it were still to be done.
            waiting = self.store.to_do(box, but=dispatcher.numbers)
            await dispatcher.add([job for job in waiting if job.number in self._numbers])
        for box in self.boxes:
            if box not in self._dispatchers and self._to_do(box):
                self._wake(box)
        await self._fleet.look()

    async def give_up_in_time(self) -> None:
        """Raise BoxUnreachable when none of the boxes that have something to do makes progress any more."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            busy = [self.timers[box] for box in self.boxes if box in self._busy]
            if busy and all(timer.is_expired for timer in busy):
                raise busy[0].error()

    def _raise_what_is_left(self) -> None:
        """Raise the error of a box that was stopped while there are jobs that it alone may end."""
        for box in self._ended & self._errors.keys():
            if self._to_do(box) or self._fleet.untaken_for(box):
                raise self._errors[box]
