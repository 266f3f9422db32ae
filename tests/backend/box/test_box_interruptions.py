"""A sleep, a standstill and another network are noticed; a slow machine and a corrected clock are not."""

from __future__ import annotations

import asyncio

from backend.box.links import backoff
from backend.box.links.backoff import FIRST_PAUSE, LONGEST_PAUSE, Backoff
from backend.box.links.interruptions import sending_addresses
from tests.support.clocks import MadeUpTime
from tests.support.sshd import BOUND


def test_time_that_goes_by_is_nothing() -> None:
    time = MadeUpTime()
    for _ in range(100):
        time.work(1.2)
        assert time.detector.detect(1.0) == ""


def test_a_sleep_is_noticed_once() -> None:
    time = MadeUpTime()
    time.work(1.0)
    time.sleep(3600.0)
    assert time.detector.detect(1.0) == "this machine stood still for 3,600 s"
    time.work(1.0)
    assert time.detector.detect(1.0) == ""


def test_a_process_that_was_stopped_is_noticed() -> None:
    time = MadeUpTime()
    time.work(61.0)
    assert time.detector.detect(1.0) == "this machine stood still for 60 s"


def test_a_clock_that_is_put_back_is_no_sleep() -> None:
    time = MadeUpTime()
    time.work(1.0)
    time.sleep(-3600.0)
    assert time.detector.detect(1.0) == ""


def test_another_network_and_none_are_noticed() -> None:
    time = MadeUpTime()
    for addresses in ((), ("192.168.1.7",)):
        time.work(1.0)
        time.addresses = addresses
        assert time.detector.detect(1.0) == "the network changed"
        assert time.detector.detect(1.0) == ""


def test_the_addresses_of_this_machine_are_found_without_sending() -> None:
    assert sending_addresses() == sending_addresses()


# --- pauses ---------------------------------------------------------------------------------------


def test_pauses_grow_to_the_longest_and_are_never_in_step() -> None:
    pauses = Backoff(MadeUpTime().detector)
    waits = [pauses.next() for _ in range(40)]
    full = FIRST_PAUSE
    for wait in waits:
        assert full / 2 <= wait <= full
        full = min(full * 2, LONGEST_PAUSE)
    assert len(set(waits)) == len(waits)
    pauses.reset()
    assert pauses.next() <= FIRST_PAUSE


async def test_a_network_that_returns_ends_the_pause_and_the_growth() -> None:
    time = MadeUpTime(addresses=())
    pauses = Backoff(time.detector)
    for _ in range(10):
        pauses.next()
    waiting = asyncio.create_task(pauses.wait(10 * BOUND))
    await asyncio.sleep(0)
    time.addresses = ("10.0.0.2",)
    async with asyncio.timeout(BOUND):
        await waiting
    assert pauses.next() <= FIRST_PAUSE


async def test_who_asks_for_it_ends_the_pause_but_not_the_growth() -> None:
    pauses = Backoff(MadeUpTime().detector)
    for _ in range(10):
        pauses.next()
    hurry = asyncio.Event()
    waiting = asyncio.create_task(pauses.wait(10 * BOUND, hurry))
    hurry.set()
    async with asyncio.timeout(BOUND):
        await waiting
    assert pauses.next() > FIRST_PAUSE


async def test_a_pause_ends_by_itself() -> None:
    async with asyncio.timeout(BOUND):
        await backoff.Backoff(MadeUpTime().detector).wait(0.01)
