"""The command and a daemon work together when one of them speaks at most protocol 4.

A daemon of protocol 4 is this one's sources with another number and without the messages that came later: it
sends away an app that says Ask. An app of protocol 4 is this one's with another number in its Hello. The
daemons here make no room for others, and log what the tests look at.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections import Counter
from pathlib import Path

import pytest

from remote.protocol import NEWEST_PROTOCOL
from tests.remote.attached import Box
from tests.remote.conftest import Other
from tests.support import laptop as laptops
from tests.support.laptop import Laptop
from tests.support.plain_clips import draw_plain_clip
from tests.support.specs import write_batch

pytestmark = pytest.mark.campaign

_APP = (
    f"#!{sys.executable}\nimport backend.box.links.link\nbackend.box.links.link.NEWEST_PROTOCOL = 4\n"
    "from backend.cli import main\nmain()\n"
)
_TELLING = {
    "if outdated and at_rest and len(at_work) == 1:": "if False:",
    "answer = await self._host.welcome(hello)": (
        "answer = await self._host.welcome(hello); "
        "_log.info('speaks %d', min(hello.newest, NEWEST_PROTOCOL))"
    ),
    "await self._tell_known(message.jobs)": (
        "_log.info('asked'); await self._tell_known(message.jobs)"
    ),
    "outcome = await self._host.scheduler.submit(message)": (
        "_log.info('brought %d', sum(map(bool, message.images))); "
        "outcome = await self._host.scheduler.submit(message)"
    ),
}
_OLDER = {
    f"NEWEST_PROTOCOL = {NEWEST_PROTOCOL}": "NEWEST_PROTOCOL = 4",
    "Submit | Ask | Arrange | Tokenize | ChangeReplica | Cancel": "Submit | Cancel",
    "            serves=serves,\n": "",
}
_JOBS = 4


@pytest.fixture(params=["the daemon", "the app"])
def running(
    request: pytest.FixtureRequest, other: Other, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Box:
    """A box; either its daemon speaks protocol 4, or the command that the laptop runs."""
    if request.param == "the daemon":
        return other(_TELLING | _OLDER)
    command = tmp_path / "upsample-of-protocol-4"
    command.write_text(_APP)
    command.chmod(0o700)
    monkeypatch.setattr(laptops, "UPSAMPLE", command)
    return other(_TELLING)


@pytest.fixture
def laptop(tmp_path: Path, running: Box) -> Laptop:
    laptop = Laptop(tmp_path / "home", tmp_path / "work", program=laptops.UPSAMPLE)
    laptop.configure(
        f'box = "local"\n[boxes.local]\nroot = "{running.setup.root}"\nengine = "sketch"\n'
        f"idle_timeout = {running.setup.idle_timeout}\n"
    )
    return laptop


@pytest.fixture
def batch(laptop: Laptop) -> list[Path]:
    """Specs that all look at one video, each for some tenths of a second."""
    clip = draw_plain_clip(laptop.cwd / "clip.mov", 1280, 704, 4)
    return write_batch(laptop.cwd, [clip], _JOBS)


async def start(box: Box) -> None:
    """Start the daemon that the laptop meets."""
    async with box.visited():
        pass


async def go_on(laptop: Laptop, *specs: Path) -> None:
    ended = await asyncio.to_thread(laptop.batch, *specs)
    assert ended.returncode == 0, ended.stderr


def interrupt(laptop: Laptop, *specs: Path) -> None:
    """Run the command until the box has begun with its jobs, and kill it."""
    with laptop.started(*specs) as run:
        run.until("started")
        run.kill()
        run.end()


def check(laptop: Laptop, box: Box) -> None:
    """Everything is done and written, and protocol 4 was kept to."""
    assert laptop.states() == Counter(done=_JOBS)
    assert len(list((laptop.cwd / "outputs").glob(".upsample/*.upsample.json"))) == _JOBS
    log = box.place.log.read_text()
    assert re.findall(r"speaks (\d+)", log)[-1] == "4"
    assert "asked" not in log
    assert "sent away" not in log


async def test_jobs_are_done_and_a_picture_that_they_share_is_brought_once(
    running: Box, laptop: Laptop, batch: list[Path]
) -> None:
    await start(running)
    await go_on(laptop, *batch)

    check(laptop, running)
    brought = re.findall(r"brought (\d)", running.place.log.read_text())
    assert Counter(brought) == {"2": 1, "0": _JOBS - 1}
    assert set(Counter(running.records("finished")).values()) == {1}


async def test_a_killed_run_is_taken_up_and_nothing_is_answered_twice(
    running: Box, laptop: Laptop, batch: list[Path]
) -> None:
    await start(running)
    await asyncio.to_thread(interrupt, laptop, *batch)
    await go_on(laptop)

    check(laptop, running)
    finished = running.records("finished")
    assert len(set(finished)) == len(finished) == _JOBS


async def test_what_was_on_a_box_whose_journal_was_replaced_is_sent_again(
    running: Box, laptop: Laptop, batch: list[Path]
) -> None:
    await start(running)
    await asyncio.to_thread(interrupt, laptop, *batch)
    running.kill()
    running.place.journal.unlink()
    await start(running)
    await go_on(laptop)

    check(laptop, running)
    finished = running.records("finished")
    assert len(set(finished)) == len(finished)
