"""Carries requests to a box over one link after the other, and reports what the box says about each.

Whoever has requests (a batch, a measurement, a checkup) is a `Recipient`. The code that sends a request,
waits for its end, and resumes it after a broken link stands here, once.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from typing import Generic

from backend.box.links.link import Link
from backend.dispatch.sending.flight import C, Flight, Flights, FlightState
from backend.errors import BoxUnreachable, first_of
from remote.protocol import (
    Accepted,
    Arrange,
    Ask,
    Cancel,
    Cancelled,
    Durable,
    Failed,
    Finished,
    FromBox,
    ProtocolError,
    Refused,
    Status,
    Unknown,
    Welcome,
)

SENT_AHEAD = 2
"""How many requests wait on the box beyond those that it works on, so that no slot is idle."""
_PICTURES_ONCE_SINCE = 4
"""The first protocol version in which a picture that the box has need not be sent again."""
ASK_SINCE = 5
"""The first protocol version with Ask. An older box tells everything after the journal cursor instead."""
_ASKED_AT_ONCE = 500

End = Finished | Failed | Cancelled | Refused
"""How the box ended a request."""


class Recipient(ABC, Generic[C]):
    """Has requests to send, and hears what becomes of them."""

    @abstractmethod
    async def next_flight(self) -> Flight[C]:
        """Wait for the next request to send, and return it. It has been added to the flights."""

    def most_in_flight(self, welcome: Welcome) -> int:
        """How many requests may be in flight at once, by the slots that the box told last."""
        return welcome.slots + SENT_AHEAD

    @abstractmethod
    async def hear_end(self, flight: Flight[C], end: End) -> None:
        """Hear how the box ended a request. It is still in flight."""

    async def hear_sending(self, flight: Flight[C]) -> None:
        """Hear that the request is about to be sent."""

    async def hear_unsendable(self, flight: Flight[C], error: OSError | ProtocolError) -> None:
        """Hear that a request could not be sent: a picture's file is gone, or the message is too large."""

    async def hear_accepted(self, flight: Flight[C]) -> None:
        """Hear that the box has the request, now or at an earlier attempt."""

    async def hear_void(self, flight: Flight[C]) -> None:
        """Hear that an earlier attempt has ended at a request that is queued again."""

    async def hear_unknown(self, flight: Flight[C]) -> None:
        """Hear that the box does not have a request that was sent over an earlier link."""

    async def hear_of_others(self, message: Durable) -> None:
        """Hear of a request that is not in flight."""

    async def hear_up_to(self, journal: str, seq: int) -> None:
        """Hear that everything up to this seq of the journal was heard. Only an older box's is replayed."""

    async def hear_of_moment(self, message: FromBox) -> None:
        """Hear of the present moment: a piece of text, a line of the log, the state of the box."""

    async def run_shielded(self, hearing: Coroutine[None, None, None]) -> None:
        """Await what a message of the journal leads to."""
        await hearing


class Courier(Generic[C]):
    """Carries the requests of one recipient."""

    def __init__(
        self, box: str, flights: Flights[C], recipient: Recipient[C], app: str = ""
    ) -> None:
        """`box` is the name of the box, for errors; `app` names the queue that the box gives its turn."""
        self._box = box
        self._app = app
        self._flights = flights
        self._recipient = recipient

    async def visit(self, link: Link, of_others: Sequence[str] = ()) -> None:
        """Send and receive over one link until it breaks. Raises BoxUnreachable then.

        The box is also asked about the requests in `of_others`, which earlier runs have sent.
        """
        self._flights.begin_link()
        # Those that are in flight are asked about, or sent, anyway.
        of_others = [it for it in of_others if self._flights.get(it) is None]
        task = asyncio.current_task()
        cancels = task.cancelling() if task else 0
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._send(link))
                group.create_task(self._send_signals(link, of_others))
                await self._listen(link)
        except BaseExceptionGroup as errors:
            if task and task.cancelling() > cancels:
                # It came while the others ended with an error. A TaskGroup tells the error alone, and who
                # makes the link again after that would never end.
                raise asyncio.CancelledError from None
            raise first_of(errors) from None

    # --- to the box ---

    async def _send(self, link: Link) -> None:
        for flight in self._flights:
            if flight.state is FlightState.UNSENT:
                await self._submit(link, flight)
        while True:
            await self._flights.wait_for_room(lambda: self._recipient.most_in_flight(link.welcome))
            await self._submit(link, await self._recipient.next_flight())

    async def _submit(self, link: Link, flight: Flight[C]) -> None:
        if flight.cargo is None:
            return
        sends_once = link.welcome.protocol >= _PICTURES_ONCE_SINCE
        pictures = flight.cargo.pictures
        if sends_once:
            pictures = self._flights.missing_on_box(pictures)
        try:
            message = await asyncio.to_thread(flight.cargo.message, pictures)
            await self._recipient.hear_sending(flight)
            await link.send(replace(message, app=self._app))
        except (OSError, ProtocolError) as error:
            await self._recipient.hear_unsendable(flight, error)
            return
        self._flights.note_sent(flight, pictures)

    async def _send_signals(self, link: Link, of_others: Sequence[str]) -> None:
        """Ask about requests of earlier links and runs, and send Cancels, until this task is cancelled."""
        await self._ask(link, of_others)
        while True:
            flights = await self._flights.next_signals()
            unasked = [it for it in flights if it.state is FlightState.BELIEVED and not it.is_asked]
            for flight in unasked:
                flight.is_asked = True
            await self._ask(link, [flight.identity for flight in unasked])
            for flight in flights:
                if flight.cancelled_for and flight.may_be_on_box and not flight.is_cancel_sent:
                    flight.is_cancel_sent = True
                    await link.send(Cancel(flight.identity))
            if (order := self._flights.take_order()) and link.welcome.protocol >= ASK_SINCE:
                await link.send(Arrange(order))

    async def _ask(self, link: Link, identities: Sequence[str]) -> None:
        if link.welcome.protocol < ASK_SINCE:
            return
        for first in range(0, len(identities), _ASKED_AT_ONCE):
            await link.send(Ask(tuple(identities[first : first + _ASKED_AT_ONCE])))

    # --- from the box ---

    async def _listen(self, link: Link) -> None:
        async for message in link.messages():
            match message:
                case Accepted() | Finished() | Failed() | Cancelled():
                    await self._recipient.run_shielded(self._hear_of_journal(message, link.welcome))
                case Unknown():
                    await self._hear_unknown(message)
                case Refused():
                    if flight := self._flights.get(message.job):
                        await self._recipient.hear_end(flight, message)
                case _:
                    if isinstance(message, Status):
                        self._flights.look_for_room()  # the box may have other slots now
                    await self._recipient.hear_of_moment(message)
        raise BoxUnreachable(f"{self._box} hung up")

    async def _hear_of_journal(self, message: Durable, welcome: Welcome) -> None:
        is_replayed = welcome.protocol < ASK_SINCE and message.seq <= welcome.last
        await self._hear_of_request(message, is_replayed=is_replayed)
        if welcome.protocol < ASK_SINCE:
            await self._recipient.hear_up_to(welcome.journal, message.seq)

    async def _hear_of_request(self, message: Durable, *, is_replayed: bool) -> None:
        flight = self._flights.get(message.job)
        if flight is None:
            await self._recipient.hear_of_others(message)
        elif isinstance(message, Accepted):
            if is_replayed and flight.cargo is not None:
                flight.is_replayed = True
            else:
                self._flights.note_accepted(flight)
            await self._recipient.hear_accepted(flight)
        elif isinstance(message, Finished) or _is_its_end(flight, is_replayed=is_replayed):
            await self._recipient.hear_end(flight, message)
        else:
            flight.is_replayed = False
            await self._recipient.hear_void(flight)

    async def _hear_unknown(self, message: Unknown) -> None:
        flight = self._flights.get(message.job)
        if flight is not None and flight.state is FlightState.BELIEVED:
            await self._recipient.hear_unknown(flight)


def _is_its_end(flight: Flight[C], *, is_replayed: bool) -> bool:
    """Whether a message about a failure or a cancel ends this flight, and not an attempt before it."""
    is_on_box = flight.state in (FlightState.BELIEVED, FlightState.ACCEPTED)
    return is_on_box or (flight.is_replayed and not is_replayed)
