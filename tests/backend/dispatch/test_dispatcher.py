"""Tests of the dispatcher against a stand-in for a box, which sends what a test wants: a real box does not
fail twice in the same way. tests/end_to_end has the tests against real boxes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from backend.box.asker import UnattendedAsker
from backend.box.links.link import Box
from backend.config import load_settings
from backend.dispatch.dispatcher import Dispatcher
from backend.events import BoxStatus, Event, JobDone, JobFailed, JobSent, JobStarted
from backend.planning.orders import Batch, make_jobs
from backend.specs.scan import scan
from backend.store import Job, State, Store
from remote.protocol import (
    Accepted,
    Answer,
    EngineLoad,
    Failed,
    Finished,
    FromApp,
    FromBox,
    ProtocolError,
    Setup,
    Started,
    Status,
    Submit,
    Welcome,
)
from tests.support.links import lead_to

BOX = Box("h100", "gpu", Setup("/root", "sketch", "", 1.0))
Replies = Callable[[Submit], list[FromBox]]


class ScriptedBox:
    """Tells `history` at once, and answers each submission with what `replies` makes of it."""

    def __init__(self, history: list[FromBox], replies: Replies) -> None:
        self.welcome = Welcome(1, "r", "journal", 9, "sketch 1", "s", "", 4, 0)
        self._said: asyncio.Queue[FromBox] = asyncio.Queue()
        self._replies = replies
        for message in history:
            self._said.put_nowait(message)

    async def send(self, message: FromApp) -> None:
        assert isinstance(message, Submit)
        for reply in self._replies(message):
            self._said.put_nowait(reply)

    async def messages(self) -> AsyncIterator[FromBox]:
        while True:
            yield await self._said.get()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "queue.db")
    yield opened
    opened.close()


@pytest.fixture
def job(store: Store, tmp_path: Path) -> Job:
    spec = tmp_path / "dusk.txt"
    spec.write_text("Warm dusk\n")
    settings = load_settings()
    batch = Batch("h100", settings.boxes["local"], settings.upsampling, tmp_path / "out")
    return store.queue(make_jobs(scan([spec], tmp_path).specs, [spec], batch))[0]


async def run(
    store: Store, job: Job, box: ScriptedBox, monkeypatch: pytest.MonkeyPatch
) -> list[Event]:
    lead_to(box, monkeypatch)
    events: list[Event] = []
    async with asyncio.timeout(30):
        await Dispatcher(store, BOX, UnattendedAsker(), events.append).run([job])
    return events


def answer(text: str) -> Answer:
    return Answer(text, "stop", "sketch 1", None, None, "r", "", 1, 0.0, 1.0)


async def test_the_last_thing_heard_of_a_run_is_not_heard_again(
    store: Store, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(submit: Submit) -> list[FromBox]:
        return [Accepted(10, submit.job), Failed(11, submit.job, "engine", "it broke")]

    events = await run(store, job, ScriptedBox([], fail), monkeypatch)
    assert [e.error for e in events if isinstance(e, JobFailed)] == ["it broke"]
    assert store.seen("h100") == ("journal", 11)


async def test_an_earlier_failure_does_not_end_a_job_that_is_tried_again(
    store: Store, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(submit: Submit) -> list[FromBox]:
        return [Accepted(10, submit.job), Failed(11, submit.job, "engine", "it broke")]

    await run(store, job, ScriptedBox([], fail), monkeypatch)
    identity = store.jobs()[0].identity or ""
    store.set_state(job.number, State.QUEUED)

    def finish(submit: Submit) -> list[FromBox]:
        return [Accepted(12, submit.job), Finished(13, submit.job, answer("A long warm dusk."))]

    box = ScriptedBox([Failed(11, identity, "engine", "it broke")], finish)
    events = await run(store, store.jobs()[0], box, monkeypatch)
    assert [e.prompt for e in events if isinstance(e, JobDone)] == ["A long warm dusk."]
    assert store.jobs()[0].state is State.DONE


async def test_a_job_that_is_told_to_run_before_it_is_told_to_be_there_runs(
    store: Store, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Durable messages and momentary ones reach the app on two ways, and either may arrive first."""
    stands: list[State] = []

    def finish(submit: Submit) -> list[FromBox]:
        end = Finished(11, submit.job, answer("A long warm dusk."))
        return [Started(submit.job, 1), Accepted(10, submit.job), end]

    keep_answer = store.keep_answer

    def keep(identity: str, box: str, kept: Answer) -> None:
        stands.append(store.jobs()[0].state)
        keep_answer(identity, box, kept)

    monkeypatch.setattr(store, "keep_answer", keep)
    events = await run(store, job, ScriptedBox([], finish), monkeypatch)
    assert stands == [State.RUNNING]
    progress = [
        type(event) for event in events if isinstance(event, (JobSent, JobStarted, JobDone))
    ]
    assert progress == [JobStarted, JobDone]


async def test_a_job_too_large_to_send_fails_alone(
    store: Store, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_submit: Submit) -> list[FromBox]:
        raise ProtocolError("a message of 175,531,512 bytes is over 67,108,864")

    events = await run(store, job, ScriptedBox([], refuse), monkeypatch)
    (error,) = [e.error for e in events if isinstance(e, JobFailed)]
    assert "too large to send" in error


async def test_a_known_trouble_is_explained(
    store: Store, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(submit: Submit) -> list[FromBox]:
        raw = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB."
        return [Accepted(10, submit.job), Failed(11, submit.job, "engine", raw)]

    events = await run(store, job, ScriptedBox([], fail), monkeypatch)
    (error,) = [e.error for e in events if isinstance(e, JobFailed)]
    assert "gpu_memory_utilization" in error or "memory" in error
    assert not error.startswith("torch")


async def test_how_the_box_does_is_passed_on(
    store: Store, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    def finish(submit: Submit) -> list[FromBox]:
        return [Accepted(10, submit.job), Finished(11, submit.job, answer("A long warm dusk."))]

    told = Status(1.5, "ready", 2, 1, EngineLoad(running=1), ())
    events = await run(store, job, ScriptedBox([told], finish), monkeypatch)
    assert [e for e in events if isinstance(e, BoxStatus)] == [BoxStatus.of("h100", told)]


@pytest.mark.parametrize(
    ("text", "problem"), [("  \n", "empty"), ('Upsampled prompt: ""', "holds no prompt")]
)
async def test_an_answer_without_a_prompt_fails_the_job_and_writes_nothing(
    text: str, problem: str, store: Store, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    def finish(submit: Submit) -> list[FromBox]:
        return [Accepted(10, submit.job), Finished(11, submit.job, answer(text))]

    events = await run(store, job, ScriptedBox([], finish), monkeypatch)
    (error,) = [e.error for e in events if isinstance(e, JobFailed)]
    assert problem in error
    assert not any(isinstance(event, JobDone) for event in events)
    (failed,) = store.jobs()
    assert (failed.state, failed.error) == (State.FAILED, error)
    assert not job.destination.exists()
    # The box's answer is kept as it is.
    kept = store.answer(failed.identity or "", "h100")
    assert kept is not None
    assert kept.text == text
