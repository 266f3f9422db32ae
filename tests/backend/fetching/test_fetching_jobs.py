"""Jobs whose media stand at an address: fetched before they are sent, where the user's settings allow it."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from backend.box.asker import UnattendedAsker
from backend.box.links import reconnect
from backend.config import Layer, check_layers
from backend.dispatch.dispatcher import Dispatcher
from backend.events import Event, JobDone, JobFailed
from backend.fetching import Fetcher, Network
from backend.planning.orders import Batch, make_jobs
from backend.specs.scan import scan
from backend.store import Job, State, Store
from backend.video.kept_media import list_kept_media
from remote.protocol import Submit
from tests.support.near_box import BOX, NearBox, serving_near
from tests.support.tls_server import TlsServer, body
from tests.support.waiting import until

_BOUND = 30.0


@dataclass
class Scene:
    """A queue, and the box that it is for."""

    folder: Path
    store: Store
    box: NearBox
    fetcher: Fetcher | None
    events: list[Event] = field(default_factory=list)

    def queue(self, *entries: dict[str, str]) -> list[Job]:
        """One job a prompt, from a batch of Transfer2.5, whose paths count from the file."""
        (self.folder / "specs").mkdir()
        file = self.folder / "specs" / "batch.jsonl"
        file.write_text("".join(f"{json.dumps(entry)}\n" for entry in entries))
        hints = {"hint_video_dir": str(self.folder / "hints")}
        settings = check_layers([Layer("the test", {"upsampling": hints})])
        batch = Batch("h100", settings.boxes["local"], settings.upsampling, self.folder / "out")
        return self.store.queue(make_jobs(scan([file], self.folder).specs, [file], batch))

    async def run(self, jobs: list[Job]) -> None:
        async with asyncio.timeout(_BOUND):
            await self.dispatcher().run(jobs)

    def dispatcher(self) -> Dispatcher:
        return Dispatcher(
            self.store, BOX, UnattendedAsker(), self.events.append, fetcher=self.fetcher
        )

    def state(self, job: Job) -> State:
        return self.store.jobs([job.number])[0].state

    def of(self, kind: type[JobDone] | type[JobFailed]) -> list[int]:
        return [event.job for event in self.events if isinstance(event, kind)]


@pytest.fixture
async def scene(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, network: Network
) -> AsyncIterator[Scene]:
    with closing(Store(tmp_path / "queue.db")) as store:
        async with serving_near(tmp_path / "box", 2) as box:
            monkeypatch.setattr(reconnect, "open_link", box.open_link)
            yield Scene(tmp_path, store, box, Fetcher(network))


def entry(prompt: str, video: str) -> dict[str, str]:
    return {"name": prompt, "prompt": prompt, "video_path": video}


async def test_an_address_is_fetched_once_for_all_jobs_and_stays_in_the_result(
    scene: Scene, server: TlsServer, clip: bytes
) -> None:
    server.answers["/clip.mp4?key=a"] = body(clip)
    address = server.address("/clip.mp4?key=a")
    jobs = scene.queue(entry("one", address), entry("two", address))
    scene.box.engine.let()
    await scene.run(jobs)
    assert sorted(scene.of(JobDone)) == [job.number for job in jobs]
    assert server.asked.total() == 1
    sent = [message for message in scene.box.sent if isinstance(message, Submit)]
    assert [len(message.request.frames) for message in sent] == [2, 2]
    results = (scene.folder / "out" / "batch.jsonl").read_text().splitlines()
    assert [json.loads(line)["video_path"] for line in results] == [address, address]


async def test_without_the_setting_nothing_is_fetched(
    scene: Scene, server: TlsServer, clip: bytes
) -> None:
    server.answers["/clip.mp4"] = body(clip)
    scene.fetcher = None
    jobs = scene.queue(entry("one", server.address("/clip.mp4")))
    await scene.run(jobs)
    assert scene.of(JobFailed) == [jobs[0].number]
    assert "is an address, and is not fetched" in scene.store.jobs([jobs[0].number])[0].error
    assert not server.asked
    assert list_kept_media() == []


async def test_what_cannot_be_fetched_fails_its_job_and_no_other(
    scene: Scene, server: TlsServer, clip: bytes
) -> None:
    server.answers["/page.mp4"] = body(b"<html>Please sign in</html>")
    server.answers["/clip.mp4"] = body(clip)
    page, good, inside = scene.queue(
        entry("page", server.address("/page.mp4")),
        entry("good", server.address("/clip.mp4")),
        entry("inside", "https://169.254.169.254/latest/clip.mp4"),
    )
    scene.box.engine.let()
    await scene.run([page, good, inside])
    assert scene.of(JobDone) == [good.number]
    assert sorted(scene.of(JobFailed)) == [page.number, inside.number]
    errors = [job.error for job in scene.store.jobs([page.number, inside.number])]
    assert "it is a web page (HTML)" in errors[0]
    assert "no address of the public internet" in errors[1]


@pytest.mark.parametrize("ends", [State.CANCELLED, State.PAUSED])
async def test_a_cancel_or_a_pause_stops_the_download(
    scene: Scene, server: TlsServer, ends: State
) -> None:
    begun = threading.Event()

    def stall(handler: BaseHTTPRequestHandler) -> None:
        begun.set()
        server.ended.wait(20)

    server.answers["/slow.mp4"] = stall
    slow, quick = scene.queue(entry("slow", server.address("/slow.mp4")), {"prompt": "A quick one"})
    dispatcher = scene.dispatcher()
    scene.box.engine.let()
    async with asyncio.timeout(_BOUND):
        running = asyncio.create_task(dispatcher.run([slow, quick]))
        assert await asyncio.to_thread(begun.wait, 10)
        await until(lambda: scene.state(quick) is State.DONE)
        if ends is State.CANCELLED:
            await dispatcher.cancel([slow.number])
        else:
            await dispatcher.pause([slow.number])
        await running
    assert scene.state(slow) is ends
    assert list_kept_media() == []
    assert server.asked.total() == 1
