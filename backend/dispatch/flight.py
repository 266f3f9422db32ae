"""A request on its way to a box and back: what was sent of it, what the box has, and which jobs wait for it.

docs/architecture.md draws the states and their changes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Set
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

    def message(self, on_box: Set[str]) -> Submit:
        """Make the message that submits the request, without the pictures whose SHA-256 is in `on_box`.

        Blocks. Raises OSError when a picture's file is gone.
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
    heard: int = 0
    """How many characters of the answer arrived without a gap."""
    is_asked: bool = False
    """Whether the box was asked about it over the present link."""
    is_replayed: bool = False
    """Whether the replay of an older box has mentioned it, perhaps for an earlier attempt."""
    cancelled_for: Set[int] = frozenset()
    """The jobs for which it is being cancelled on the box; empty when it is not being cancelled."""
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
        self.kept_pictures = frozenset()
        self.is_asked = False
        self.is_replayed = False
        self.is_cancel_sent = False

    def note_sent(self, without: Set[str]) -> None:
        """Note that it was sent without the pictures in `without`, which the box keeps for others."""
        if self.state is not FlightState.UNSENT:
            return  # the box's word that it has the request was quicker
        self.state = FlightState.SENT
        if self.cargo is not None:
            self.kept_pictures = self.cargo.pictures - without

    def note_accepted(self) -> None:
        """Note that the box has it on its disk, with all its pictures."""
        self.state = FlightState.ACCEPTED
        if self.cargo is not None:
            self.kept_pictures = self.cargo.pictures


class Flights(Generic[C]):
    """The requests that may be on one box, by identity."""

    def __init__(self) -> None:
        self._flights: dict[str, Flight[C]] = {}
        self._has_room = asyncio.Event()
        self.signals_due = asyncio.Event()
        """Set when the box may have to be asked about a request, or be told to cancel one."""

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

    def believe(self, identity: str, job: int) -> None:
        """Add a request that was sent for this job in an earlier run, unless it is in flight already."""
        flight = self._flights.setdefault(identity, Flight(identity, None, FlightState.BELIEVED))
        flight.jobs.add(job)
        self.signals_due.set()

    def remove(self, flight: Flight[C]) -> None:
        """Remove a request that is no longer in flight."""
        if self._flights.get(flight.identity) is flight:
            del self._flights[flight.identity]
        self._has_room.set()

    def begin_link(self) -> None:
        """Note that a new link begins."""
        for flight in self:
            flight.begin_link()

    def pictures_on_box(self) -> Set[str]:
        """Return the SHA-256 of every picture that need not be sent over the present link."""
        return frozenset().union(*(flight.kept_pictures for flight in self))

    def forget_pictures(self, lost: Set[str]) -> None:
        """Let no request rely on these pictures: the box does not have them."""
        for flight in self:
            flight.kept_pictures -= lost

    async def wait_for_room(self, most: int) -> None:
        """Wait until fewer than `most` requests are in flight."""
        while len(self) >= most:
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

    def message(self, on_box: Set[str]) -> Submit:
        """Return the message as it is."""
        return self.submit
