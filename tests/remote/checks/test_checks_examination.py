"""One check can neither hang nor end the others."""

from __future__ import annotations

import asyncio
import threading

from remote.checks.examination import Examination, Good, NotCheckedError, Wrong, in_thread
from remote.protocol import Finding


async def _verdict(find: object, seconds: float = 30.0) -> Finding:
    told: list[Finding] = []
    assert callable(find)
    await Examination(told.append).check("area", "name", find, seconds)
    (finding,) = told
    return finding


async def test_a_good_check_gives_its_value_and_is_told() -> None:
    async def find() -> Good[int]:
        return Good(7, "seven")

    told: list[Finding] = []
    assert await Examination(told.append).check("area", "name", find) == 7
    assert [(f.verdict, f.detail) for f in told] == [("ok", "seven")]


async def test_a_good_check_with_a_remedy_is_a_warning() -> None:
    async def find() -> Good[None]:
        return Good(None, "nearly full", "Make room.")

    assert (await _verdict(find)).verdict == "warning"


async def test_a_failed_check_says_what_to_do() -> None:
    async def find() -> Good[None]:
        raise Wrong("it is gone", "Put it back.")

    finding = await _verdict(find)
    assert (finding.verdict, finding.remedy) == ("failed", "Put it back.")


async def test_a_check_with_nothing_to_look_at_is_skipped() -> None:
    async def find() -> Good[None]:
        raise NotCheckedError("there is none")

    assert (await _verdict(find)).verdict == "skipped"


async def test_a_check_that_breaks_is_a_failure_and_not_the_end() -> None:
    async def find() -> Good[None]:
        raise ZeroDivisionError("oh")

    finding = await _verdict(find)
    assert (finding.verdict, finding.detail) == ("failed", "ZeroDivisionError: oh")


async def test_a_check_that_hangs_is_given_up() -> None:
    async def find() -> Good[None]:
        await asyncio.Event().wait()
        raise AssertionError

    assert "no answer within" in (await _verdict(find, 0.05)).detail


async def test_a_disk_that_hangs_is_given_up_too() -> None:
    hanging = threading.Event()

    async def find() -> Good[None]:
        await in_thread(hanging.wait)
        return Good(None, "")

    try:
        assert "no answer within" in (await _verdict(find, 0.05)).detail
    finally:
        hanging.set()
