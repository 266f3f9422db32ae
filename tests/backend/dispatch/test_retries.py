"""Some kinds of trouble are retried automatically, others are not: a test for each row of the table."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from backend.box.asker import UnattendedAsker
from backend.box.links import backoff, reconnect
from backend.box.links.backoff import Pauses
from backend.config import load_settings
from backend.dispatch.runs.runner import QueueRunner
from backend.dispatch.sending.retries import RETRIES, Retry, TroubleKind, trouble_of
from backend.errors import (
    AnswerError,
    BoxRefusedLogin,
    BoxUnreachable,
    BoxUntrusted,
    ConfigError,
    InputError,
    MediaError,
    UpsampleError,
)
from backend.events import Event, JobPostponed, LinkChanged, LinkState
from backend.planning.orders import Batch, make_jobs
from backend.specs.scan import scan
from backend.store import Job, State, Store
from remote.protocol import Refused, Submit
from tests.support.near_box import NearBox, serving_near
from tests.support.waiting import until


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (InputError("x"), TroubleKind.INPUT),
        (MediaError("x"), TroubleKind.INPUT),
        (ConfigError("x"), TroubleKind.INPUT),
        (AnswerError("x"), TroubleKind.ANSWER),
        (BoxUnreachable("x"), TroubleKind.CONNECTION),
        (BoxUntrusted("x"), TroubleKind.TRUST),
        (BoxRefusedLogin("x"), TroubleKind.TRUST),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_error_is_of_one_kind_of_trouble(error: UpsampleError, trouble: TroubleKind) -> None:
    assert trouble_of(error) is trouble


def test_every_kind_of_trouble_has_its_row() -> None:
    assert RETRIES.keys() == set(TroubleKind)
    for retry in RETRIES.values():
        assert (retry.pauses is not None) == (retry.attempts is None)


class Scene:
    """A queue with one job, what works on it, and a box."""

    def __init__(self, folder: Path, store: Store, box: NearBox) -> None:
        self.store, self.box = store, box
        self.events: list[Event] = []
        self.runner = QueueRunner(store, load_settings, UnattendedAsker(), self.events.append)
        spec = folder / "prompts.txt"
        spec.write_text("one\n")
        settings = load_settings()
        batch = Batch("local", settings.boxes["local"], settings.upsampling, folder / "out")
        self.orders = make_jobs(scan([spec], folder).specs, [spec], batch)

    @property
    def job(self) -> Job:
        return self.store.jobs()[0]

    def links(self, state: LinkState) -> list[LinkChanged]:
        return [e for e in self.events if isinstance(e, LinkChanged) and e.state is state]


@pytest.fixture
async def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    monkeypatch.setattr(backoff, "FIRST_PAUSE", 0.01)
    monkeypatch.setitem(RETRIES, TroubleKind.DISK, Retry(None, Pauses(0.01, 0.02)))
    monkeypatch.chdir(tmp_path)
    with closing(Store(tmp_path / "queue.db")) as store:
        async with serving_near(tmp_path / "box", slots=1) as box:
            monkeypatch.setattr(reconnect, "open_link", box.open_link)
            scene = Scene(tmp_path, store, box)
            running = asyncio.create_task(scene.runner.run())
            yield scene
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running


async def test_bad_input_is_never_tried_again(scene: Scene) -> None:
    scene.box.engine.bad.add("one")
    scene.box.engine.let()
    await scene.runner.queue(scene.orders)
    await until(lambda: scene.job.state is State.FAILED)
    assert scene.box.engine.begun == ["one"]
    (attempt,) = scene.store.attempts([1])[1]
    assert (attempt.number, attempt.outcome, attempt.error) == (1, "failed", "it broke")


async def test_an_engine_that_fails_gets_the_job_twice_and_the_first_failure_is_kept(
    scene: Scene,
) -> None:
    scene.box.engine.broken["one"] = ["out of memory", "out of memory again"]
    scene.box.engine.let()
    await scene.runner.queue(scene.orders)
    await until(lambda: scene.job.state is State.FAILED)
    assert scene.box.engine.begun == ["one"] * 2
    told = [(a.number, a.outcome, a.error) for a in scene.store.attempts([1])[1]]
    assert told == [(1, "again", "out of memory"), (2, "failed", "out of memory again")]


async def test_an_engine_that_fails_once_is_forgiven(scene: Scene) -> None:
    scene.box.engine.broken["one"] = ["out of memory"]
    scene.box.engine.let()
    await scene.runner.queue(scene.orders)
    await until(lambda: scene.job.state is State.DONE)
    told = [(a.number, a.outcome, a.error) for a in scene.store.attempts([1])[1]]
    assert told == [(1, "again", "out of memory"), (2, "done", "")]


async def test_a_box_that_is_away_is_tried_for_as_long_as_it_takes(scene: Scene) -> None:
    scene.box.is_down = True
    scene.box.engine.let()
    await scene.runner.queue(scene.orders)
    await until(lambda: len(scene.links(LinkState.RETRYING)) >= 5)
    scene.box.is_down = False
    await until(lambda: scene.job.state is State.DONE)


async def test_a_box_whose_disk_is_full_is_asked_again_after_a_pause(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = scene.box.scheduler
    accept = work.submit
    refusals = 0

    async def full_at_first(message: Submit) -> object:
        nonlocal refusals
        if refusals < 3:
            refusals += 1
            return Refused(message.job, "disk", "No space left on device")
        return await accept(message)

    monkeypatch.setattr(work, "submit", full_at_first)
    pauses: list[float] = []
    wait = backoff.Backoff.wait

    async def noting(self: backoff.Backoff, seconds: float, *rest: asyncio.Event) -> None:
        pauses.append(seconds)
        await wait(self, seconds, *rest)

    monkeypatch.setattr(backoff.Backoff, "wait", noting)
    scene.box.engine.let()
    await scene.runner.queue(scene.orders)
    await until(lambda: scene.job.state is State.DONE)
    postponed = [event for event in scene.events if isinstance(event, JobPostponed)]
    assert len(postponed) == len(pauses) == 3


async def test_a_box_that_must_not_be_trusted_waits_for_the_user(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> object:
        raise BoxUntrusted("the host key is another one")

    monkeypatch.setattr(reconnect, "open_link", refuse)
    await scene.runner.queue(scene.orders)
    await until(lambda: bool(scene.links(LinkState.STOPPED)))
    await asyncio.sleep(0.1)
    assert len(scene.links(LinkState.STOPPED)) == 1
    monkeypatch.setattr(reconnect, "open_link", scene.box.open_link)
    scene.box.engine.let()
    scene.runner.try_again("local")
    await until(lambda: scene.job.state is State.DONE)


def test_the_table_says_how_often() -> None:
    assert {trouble: retry.attempts for trouble, retry in RETRIES.items()} == {
        TroubleKind.INPUT: 1,
        TroubleKind.ANSWER: 1,
        TroubleKind.ENGINE: 2,
        TroubleKind.REPLICA: 6,
        TroubleKind.RUNNER: 3,
        TroubleKind.DISK: None,
        TroubleKind.CONNECTION: None,
        TroubleKind.TRUST: 1,
    }
