"""A request on its way to a box and back: what was sent of it, what the box has, and which jobs wait for it.

docs/architecture.md draws the states and their changes.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

from backend.store import Job
from remote.protocol import Submit


class Cargo(Protocol):
    """Everything that is needed to send a request."""

    @property
    def pictures(self) -> Set[str]:
        """SHA-256 of each picture that the request shows to the model."""
        ...

    def message(self, pictures: Set[str]) -> Submit:
        """Make the message that submits the request, with these of its pictures.

        Blocks. Raises OSError when a picture's file is gone, or is another one now.
        """
        ...


C = TypeVar("C", bound=Cargo)


class FlightState(StrEnum):
    """How far a request has come over the present link."""

    UNSENT = "unsent"
    """It is to be sent."""
    SENT = "sent"
    """It was sent, and the box has not said that it has it."""
    BELIEVED = "believed"
    """It was sent over an earlier link, perhaps in an earlier run. The box is asked whether it has it."""
    ACCEPTED = "accepted"
    """The box has it on its disk."""


@dataclass(slots=True, eq=False)
class Flight(Generic[C]):
    """One request that may be on the box. It ends when the box has ended the request, or refuses it."""

    identity: str
    """The hash by which the box knows the request."""
    cargo: C | None
    """What is sent. None for a request that was sent in an earlier run, or is kept no longer because the box
    has it."""
    state: FlightState = FlightState.UNSENT
    jobs: set[int] = field(default_factory=set)
    """Numbers of the jobs that the answer is for; mostly one job."""
    kept_pictures: Set[str] = frozenset()
    """SHA-256 of the pictures that the box keeps on its disk because of this request."""
    lost_pictures: Set[str] = frozenset()
    """SHA-256 of pictures that the box has said it does not have; an earlier word of it may arrive later."""
    heard: int = 0
    """How many characters of the answer arrived without a gap."""
    is_noted: bool = False
    """Whether the queue has noted that the box has it, for each of its jobs."""
    is_asked: bool = False
    """Whether the box was asked about it over the present link."""
    is_replayed: bool = False
    """Whether the replay of an older box has mentioned it, perhaps for an earlier attempt."""
    cancelled_for: Set[int] = frozenset()
    """The jobs for which it is being cancelled on the box; empty when it is not being cancelled."""
    is_pause: bool = False
    """Whether it is cancelled on the box because its jobs are paused."""
    is_cancel_sent: bool = False
    """Whether the Cancel was sent over the present link."""
    deferred: list[Job] = field(default_factory=list)
    """Jobs that need the request although it is being cancelled; they send it again afterwards."""

    @property
    def may_be_on_box(self) -> bool:
        """Whether the box may have it, as far as the present link tells."""
        return self.state is not FlightState.UNSENT

    def begin_link(self) -> None:
        """Note that a new link begins, over which nothing was sent yet."""
        self.state = FlightState.BELIEVED if self.cargo is None else FlightState.UNSENT
        self.kept_pictures = self.lost_pictures = frozenset()
        self.is_asked = False
        self.is_replayed = False
        self.is_cancel_sent = False


class Flights(Generic[C]):
    """The requests that may be on one box, by identity."""

    def __init__(self) -> None:
        self._flights: dict[str, Flight[C]] = {}
        self._pictures: Counter[str] = Counter()
        """How many flights keep each picture on the box, by its SHA-256."""
        self._accepted: set[str] = set()
        self._has_room = asyncio.Event()
        self._to_signal: dict[str, Flight[C]] = {}
        self._signals_due = asyncio.Event()
        self._order: tuple[str, ...] = ()
        """The order into which the box is to put what waits there; empty for the order of sending."""
        self._is_order_sent = True

    def __iter__(self) -> Iterator[Flight[C]]:
        return iter(tuple(self._flights.values()))

    def __len__(self) -> int:
        return len(self._flights)

    def get(self, identity: str) -> Flight[C] | None:
        """Return the flight of a request; None when the request is not in flight."""
        return self._flights.get(identity)

    def add(self, flight: Flight[C]) -> None:
        """Add a request that is not in flight."""
        self._flights[flight.identity] = flight

    def join(self, identity: str, job: int) -> bool:
        """Let a job wait for a request if another job has it in flight; returns whether one has."""
        flight = self._flights.get(identity)
        if flight is not None and job not in flight.jobs:
            flight.jobs.add(job)
            flight.is_noted = False
        return flight is not None

    def believe(self, identity: str, *jobs: int) -> None:
        """Add a request that was sent for these jobs in an earlier run, unless it is in flight already."""
        flight = self._flights.setdefault(identity, Flight(identity, None, FlightState.BELIEVED))
        flight.jobs.update(jobs)
        flight.is_noted = False
        self.signal(flight)

    def ask_instead(self, flight: Flight[C]) -> None:
        """Let the box be asked about a request, and not be sent it any more."""
        if flight.state is FlightState.UNSENT:
            flight.cargo, flight.state = None, FlightState.BELIEVED
            self.signal(flight)

    def remove(self, flight: Flight[C]) -> None:
        """Remove a request that is no longer in flight."""
        if self._flights.get(flight.identity) is flight:
            del self._flights[flight.identity]
            self._accepted.discard(flight.identity)
        self._keep(flight, frozenset())
        self._has_room.set()

    # --- what the present link tells ---

    def begin_link(self) -> None:
        """Note that a new link begins."""
        self._pictures.clear()
        self._accepted.clear()
        self._is_order_sent = not self._order
        for flight in self:
            flight.begin_link()
            self.signal(flight)

    def note_sent(self, flight: Flight[C], pictures: Set[str]) -> None:
        """Note that a request was sent, with these pictures."""
        if flight.state is not FlightState.UNSENT or not self._has(flight):
            return  # the box's word that it has the request, or its end, was quicker
        flight.state = FlightState.SENT
        flight.lost_pictures -= pictures
        self._keep(flight, pictures)
        self.signal(flight)

    def note_accepted(self, flight: Flight[C]) -> None:
        """Note that the box has a request on its disk, with all its pictures."""
        flight.state = FlightState.ACCEPTED
        self._accepted.add(flight.identity)
        if flight.cancelled_for:
            self.signal(flight)  # `note_sent` may come after this, and then signals nothing
        if flight.cargo is not None:
            self._keep(flight, flight.cargo.pictures)

    @property
    def are_all_accepted(self) -> bool:
        """Whether the box has said over the present link that it has each request."""
        return len(self._accepted) == len(self._flights)

    def missing_on_box(self, pictures: Set[str]) -> Set[str]:
        """Return those of these pictures, as SHA-256, that must be sent over the present link."""
        return frozenset(picture for picture in pictures if picture not in self._pictures)

    def forget_pictures(self, lost: Set[str]) -> None:
        """Let no request rely on these pictures: the box does not have them."""
        for flight in self:
            flight.lost_pictures |= lost
            self._keep(flight, flight.kept_pictures)

    def _has(self, flight: Flight[C]) -> bool:
        return self._flights.get(flight.identity) is flight

    def _keep(self, flight: Flight[C], pictures: Set[str]) -> None:
        pictures = pictures - flight.lost_pictures
        self._pictures.subtract(flight.kept_pictures)
        self._pictures.update(pictures)
        for picture in flight.kept_pictures - pictures:
            if not self._pictures[picture]:
                del self._pictures[picture]
        flight.kept_pictures = pictures

    # --- what the box is to be told ---

    def signal(self, flight: Flight[C]) -> None:
        """Note that the box may have to be asked about a request, or be told to cancel it."""
        self._to_signal[flight.identity] = flight
        self._signals_due.set()

    def arrange(self, flights: Sequence[Flight[C]]) -> None:
        """Let the box put what waits there into the order of these flights."""
        self._order = tuple(flight.identity for flight in flights)
        self._is_order_sent = False
        self._signals_due.set()

    def take_order(self) -> tuple[str, ...]:
        """Return the order that the box is to be told over the present link; empty when it knows it."""
        order = () if self._is_order_sent else self._order
        self._is_order_sent = True
        return order

    async def next_signals(self) -> Sequence[Flight[C]]:
        """Wait for requests about which the box may have to be told something."""
        await self._signals_due.wait()
        self._signals_due.clear()
        due, self._to_signal = self._to_signal, {}
        return tuple(due.values())

    def look_for_room(self) -> None:
        """Let whoever waits for room look again how many requests may be in flight."""
        self._has_room.set()

    async def wait_for_room(self, most: Callable[[], int]) -> None:
        """Wait until fewer than `most` requests are in flight."""
        while len(self) >= most():
            self._has_room.clear()
            await self._has_room.wait()


@dataclass(frozen=True, slots=True)
class Parcel:
    """A cargo whose message is made already. It always brings all its pictures."""

    submit: Submit

    @property
    def pictures(self) -> Set[str]:
        """None on which another request may rely."""
        return frozenset()

    def message(self, pictures: Set[str]) -> Submit:
        """Return the message as it is."""
        return self.submit
