"""A picture is sent over a link once, for all jobs on the box that show it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from backend.box.asker import UnattendedAsker
from backend.box.links import backoff, reconnect
from backend.config import Layer, check_layers
from backend.dispatch import dispatcher
from backend.dispatch.dispatcher import Dispatcher
from backend.dispatch.sending.retries import MOST_RESENT
from backend.events import Event, JobDone, JobFailed
from backend.planning.orders import Batch, make_jobs
from backend.specs.scan import scan
from backend.store import Job, Store
from remote.jobs.pictures import PictureLost, Pictures
from remote.protocol import Request, Submit
from tests.support.near_box import BOX, NearBox, serving_near
from tests.support.waiting import until

_SLOTS = 2
_BOUND = 60.0


@dataclass
class Scene:
    """A queue, and the box that it is for."""

    folder: Path
    store: Store
    box: NearBox
    events: list[Event] = field(default_factory=list)

    def queue(self, video: Path, *prompts: str) -> list[Job]:
        """One job a prompt, all about this video."""
        file = self.folder / "batch.json"
        entries = [{"name": p, "prompt": p, "video_path": str(video)} for p in prompts]
        file.write_text(json.dumps(entries))
        hints = {"hint_video_dir": str(self.folder / "hints")}
        settings = check_layers([Layer("the test", {"upsampling": hints})])
        batch = Batch("h100", settings.boxes["local"], settings.upsampling, self.folder / "out")
        return self.store.queue(make_jobs(scan([file], self.folder).specs, [file], batch))

    def dispatcher(self) -> Dispatcher:
        return Dispatcher(self.store, BOX, UnattendedAsker(), self.events.append)

    async def run(self, jobs: Sequence[Job]) -> None:
        async with asyncio.timeout(_BOUND):
            await self.dispatcher().run(jobs)

    def brought(self) -> list[list[bool]]:
        """Return for each submission, in order, which of its pictures it brought; checks their hashes."""
        submits = [message for message in self.box.sent if isinstance(message, Submit)]
        for submit in submits:
            for frame, image in zip(submit.request.frames, submit.images, strict=True):
                digest = hashlib.sha256(base64.b64decode(image)).hexdigest()
                assert digest == frame.sha256 or not image
        return [[bool(image) for image in submit.images] for submit in submits]

    def done(self) -> int:
        assert not [event for event in self.events if isinstance(event, JobFailed)]
        return sum(isinstance(event, JobDone) for event in self.events)


@pytest.fixture
async def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    monkeypatch.setattr(backoff, "FIRST_PAUSE", 0.01)
    # So that the box has them in the order in which they were queued.
    monkeypatch.setattr(dispatcher, "PREPARED_AT_ONCE", 1)
    with closing(Store(tmp_path / "queue.db")) as store:
        async with serving_near(tmp_path / "box", _SLOTS) as box:
            monkeypatch.setattr(reconnect, "open_link", box.open_link)
            yield Scene(tmp_path, store, box)


async def test_jobs_that_share_frames_bring_them_once(scene: Scene, counted_clip: Path) -> None:
    jobs = scene.queue(counted_clip, "one", "two", "three")
    running = asyncio.create_task(scene.run(jobs))
    # Sent is not enough: what is taken in after the others are done has to bring its pictures again.
    await scene.box.until_told("accepted", 3)
    scene.box.engine.let()
    await running
    assert scene.brought() == [[True, True], [False, False], [False, False]]
    assert scene.done() == 3


async def test_an_older_box_is_sent_every_picture(scene: Scene, counted_clip: Path) -> None:
    scene.box.protocol = 3
    scene.box.engine.let()
    await scene.run(scene.queue(counted_clip, "one", "two", "three"))
    assert scene.brought() == [[True, True]] * 3
    assert scene.done() == 3


async def test_over_a_new_link_pictures_are_sent_again(scene: Scene, counted_clip: Path) -> None:
    running = asyncio.create_task(scene.run(scene.queue(counted_clip, *"abcdefg")))
    # Two run, two wait, and the others are not sent yet.
    await scene.box.until_told("accepted", 4)
    scene.box.cut()
    scene.box.engine.let()
    await running
    assert scene.brought()[0] == [True, True]
    assert [True, True] in scene.brought()[4:]
    assert scene.done() == 7


async def test_a_picture_that_went_with_its_job_is_sent_after_all(
    scene: Scene, counted_clip: Path
) -> None:
    """The box is done with the job that brought it, and the app has not heard of that yet."""
    first, second = scene.queue(counted_clip, "one", "two")
    scene.box.engine.let()
    scene.box.hears.clear()
    dispatcher = scene.dispatcher()
    async with asyncio.timeout(_BOUND):
        running = asyncio.create_task(dispatcher.run([first]))
        await scene.box.until_told("finished")
        await dispatcher.add([second])
        await until(lambda: len(scene.brought()) == 2)
        scene.box.hears.set()
        await running
    assert scene.brought() == [[True, True], [False, False], [True, True]]
    assert scene.done() == 2


async def test_a_picture_that_the_box_has_lost_is_sent_again_by_itself(
    scene: Scene, counted_clip: Path
) -> None:
    """A damaged journal can forget that a job needs its pictures; the box then removes them too early."""
    running = asyncio.create_task(scene.run(scene.queue(counted_clip, "one", "two", "three")))
    await scene.box.until_told("accepted", 3)
    scene.box.lose_pictures()
    scene.box.engine.let()
    await running
    # Those that had not begun are sent again, and the first of them brings the pictures.
    assert [True, True] in scene.brought()[3:]
    assert scene.done() == 3


async def test_a_box_that_loses_every_picture_fails_the_job_in_the_end(
    scene: Scene, counted_clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(_pictures: Pictures, _request: Request) -> list[bytes]:
        raise PictureLost("the picture is gone from the box's disk")

    monkeypatch.setattr(Pictures, "load", lose)
    await scene.run(scene.queue(counted_clip, "one"))
    (failed,) = [event for event in scene.events if isinstance(event, JobFailed)]
    assert "is gone from the box's disk" in failed.error
    assert scene.brought() == [[True, True]] * (1 + MOST_RESENT)
