"""Shares jobs among the boxes of a fleet, within the process that works on the queue.

A job of a fleet belongs to no box until one takes it, which is a change of the queue's file. Here is which
jobs can be taken, what each box has to do, and so which box takes the next one.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterator
from dataclasses import replace

from backend.planning.pace import Pace
from backend.planning.sharing import BoxLoad, may_take
from backend.store import Job, Store

_TAKEN_AT_ONCE = 8
"""How many jobs a box takes in one change of the queue's file."""
_AWAITED_SECONDS = 5.0
"""How long a small batch is shared with a box whose first link is being made."""

_Group = tuple[tuple[str, ...], str]
"""What untaken jobs have in common: the boxes of their fleet, and `Job.settings`."""


class Fleet:
    """The jobs that no box has taken, and the boxes of this process that may take them."""

    def __init__(
        self,
        store: Store,
        only: Collection[int] | None = None,
        begin: Callable[[str], None] = lambda _: None,
    ) -> None:
        """With `only`, the jobs with these numbers are shared, and no others. `begin` is called with the name
        of each box for which there are jobs now, and were none before.
        """
        self._store = store
        self._only = only if only is None else frozenset(only)
        self._begin = begin
        self._untaken: dict[_Group, deque[tuple[int, int]]] = {}
        """Position and number of each untaken job, in sending order."""
        self._members: dict[str, FleetMember] = {}
        self._met: set[str] = set()
        """The boxes that have had a run. None of them is awaited again."""

    async def look(self) -> None:
        """Read which jobs can be taken: some were queued, given back, or moved."""
        found = await asyncio.to_thread(self._store.untaken)
        before = {box for (boxes, _), jobs in self._untaken.items() if jobs for box in boxes}
        untaken: dict[_Group, deque[tuple[int, int]]] = {}
        for position, (number, names, settings) in enumerate(found):
            if self._only is None or number in self._only:
                group = tuple(names.split(",")), settings
                untaken.setdefault(group, deque()).append((position, number))
        self._untaken = untaken
        self.wake()
        for box in sorted({box for boxes, _ in untaken for box in boxes} - before):
            self._begin(box)

    def wake(self) -> None:
        """Let each box look whether it may take a job now."""
        for member in self._members.values():
            member.woken.set()

    def join(
        self, box: str, pace: Pace, can_do: Callable[[str], bool] = lambda _: True
    ) -> FleetMember:
        """Let a box take jobs. `pace` is that of its earlier answers. `can_do` tells whether it can do jobs
        with these settings, as it is set up now.
        """
        self._members[box] = FleetMember(self, box, pace, can_do)
        self._members[box].is_awaited = box not in self._met
        asyncio.get_running_loop().call_later(_AWAITED_SECONDS, self.wake)
        return self._members[box]

    def leave(self, member: FleetMember) -> None:
        """Let a box take no more jobs, because its run has ended."""
        self._met.add(member.box)
        if self._members.get(member.box) is member:
            del self._members[member.box]
            self.wake()

    async def let_go(self, box: str, number: int) -> None:
        """Let the other boxes let go of a job that this one has answered."""
        for member in tuple(self._members.values()):
            if member.box != box and member.let_go is not None:
                await member.let_go(number)

    def others(self, box: str) -> list[BoxLoad]:
        """Return what the other boxes have to do which can take a job of this box now, or in a moment."""
        names = {name for boxes, _ in self._untaken if box in boxes for name in boxes} - {box}
        loads = (member.expected_load for name, member in self._members.items() if name in names)
        return [load for load in loads if load is not None]

    def untaken_for(self, box: str) -> int:
        """Return how many jobs a box may choose from."""
        return sum(len(jobs) for jobs in self._groups_for(box))

    async def take_for(self, box: str, most: int) -> list[Job]:
        """Give a box the next of its jobs, at most so many; those that can be taken no more are left out."""
        numbers: list[int] = []
        while len(numbers) < most:
            groups = [jobs for jobs in self._groups_for(box) if jobs]
            if not groups:
                break
            numbers.append(min(groups, key=lambda jobs: jobs[0]).popleft()[1])
        return await asyncio.to_thread(self._store.take, box, numbers) if numbers else []

    def _groups_for(self, box: str) -> Iterator[deque[tuple[int, int]]]:
        member = self._members.get(box)
        for (boxes, settings), jobs in self._untaken.items():
            if box in boxes and (member is None or member.can_do(settings)):
                yield jobs


class FleetMember:
    """One box of a fleet, as its dispatcher tells of it."""

    def __init__(self, fleet: Fleet, box: str, pace: Pace, can_do: Callable[[str], bool]) -> None:
        self.fleet = fleet
        self.box = box
        self.can_do = can_do
        self.seconds = pace.seconds_an_answer
        """How long an answer takes; None while that is not known."""
        self.load: BoxLoad | None = None
        """What the box has to do; None while it cannot take a job."""
        self.let_go: Callable[[int], Awaitable[None]] | None = None
        """Lets the run on this box let go of a job."""
        self.is_awaited = True
        """Whether its link may be live in a moment, for the first time."""
        self._slots = pace.slots
        self._joined = time.monotonic()
        self.woken = asyncio.Event()
        self.woken.set()

    @property
    def expected_load(self) -> BoxLoad | None:
        """`load`, or what the box will have to do whose link is being made; None where there is neither."""
        if self.load is not None:
            return self.load
        is_awaited = self.is_awaited and time.monotonic() < self._joined + _AWAITED_SECONDS
        return BoxLoad(self._slots, 0, self.seconds) if is_awaited else None

    @property
    def has_more(self) -> bool:
        """Whether there are jobs that the box may take, now or when another box does not."""
        return self.fleet.untaken_for(self.box) > 0

    def may_take(self) -> int:
        """Return how many jobs the box takes now."""
        if self.load is None:
            return 0
        untaken, others = self.fleet.untaken_for(self.box), self.fleet.others(self.box)
        load, count = self.load, 0
        while count < min(untaken, _TAKEN_AT_ONCE) and may_take(load, others, untaken - count):
            count += 1
            load = replace(load, jobs=load.jobs + 1)
        return count

    def unwanted(self, waiting: int) -> int:
        """Return how many of the box's jobs it would not take now, of so many that are not sent yet."""
        if self.load is None:
            return 0
        untaken, others = self.fleet.untaken_for(self.box), self.fleet.others(self.box)
        count = 0
        while count < waiting:
            before = replace(self.load, jobs=self.load.jobs - count - 1)
            if may_take(before, others, untaken + count + 1):
                break
            count += 1
        return count

    async def take(self) -> list[Job]:
        """Take as many jobs as the box may take now."""
        return await self.fleet.take_for(self.box, self.may_take())
