"""Which pictures a box keeps, as far as the requests in flight tell."""

from __future__ import annotations

import asyncio
from collections.abc import Set
from dataclasses import dataclass

from backend.dispatch.sending.flight import Flight, Flights
from remote.protocol import Submit
from tests.support.queued_jobs import REQUEST

PICTURE = "ab" * 32


@dataclass(frozen=True)
class OnePicture:
    pictures: Set[str] = frozenset({PICTURE})

    def message(self, pictures: Set[str]) -> Submit:
        return Submit("id", REQUEST, ())


def flying(flights: Flights[OnePicture], identity: str) -> Flight[OnePicture]:
    flight = Flight(identity, OnePicture())
    flights.add(flight)
    return flight


def test_a_picture_counts_as_there_while_a_request_that_brought_it_is_in_flight() -> None:
    flights: Flights[OnePicture] = Flights()
    flight = flying(flights, "one")
    flights.note_sent(flight, flight.cargo.pictures if flight.cargo else frozenset())
    assert not flights.missing_on_box({PICTURE})
    flights.remove(flight)
    assert flights.missing_on_box({PICTURE}) == {PICTURE}


def test_a_request_that_ended_while_it_was_being_sent_leaves_no_picture_behind() -> None:
    """The end of an earlier submission may arrive over a new link while the request goes out once more."""
    flights: Flights[OnePicture] = Flights()
    flight = flying(flights, "one")
    flights.remove(flight)
    flights.note_sent(flight, frozenset({PICTURE}))
    assert flights.missing_on_box({PICTURE}) == {PICTURE}


def test_a_picture_that_the_box_has_lost_is_not_there_by_an_earlier_word_that_arrives_later() -> (
    None
):
    """The box refuses a request at once, and tells of its journal by another way."""
    flights: Flights[OnePicture] = Flights()
    flight = flying(flights, "one")
    flights.note_sent(flight, frozenset({PICTURE}))
    flights.forget_pictures({PICTURE})
    flights.note_accepted(flight)
    assert flights.missing_on_box({PICTURE}) == {PICTURE}
    flights.begin_link()
    flights.note_sent(flight, frozenset({PICTURE}))
    assert not flights.missing_on_box({PICTURE})


async def test_a_cancel_is_due_also_when_the_box_says_that_it_has_the_request_early() -> None:
    flights: Flights[OnePicture] = Flights()
    flight = flying(flights, "one")
    flight.cancelled_for = frozenset({1})
    flights.begin_link()
    await flights.next_signals()
    flights.note_accepted(flight)
    flights.note_sent(flight, frozenset())
    async with asyncio.timeout(5):
        assert tuple(await flights.next_signals()) == (flight,)
