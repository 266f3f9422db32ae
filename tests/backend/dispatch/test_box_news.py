"""A run without the app that follows another process hears how its box does there, and why it is stopped."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from backend.box.asker import UnattendedAsker
from backend.box.links import reconnect
from backend.config import load_settings
from backend.dispatch.dispatcher import Dispatcher
from backend.dispatch.runs import box_news
from backend.dispatch.runs.box_news import NewsReader, NewsWriter, writing_news
from backend.dispatch.runs.lock import Holder, dispatcher_lock
from backend.dispatch.runs.run_or_follow import run_or_follow
from backend.dispatch.runs.runner import QueueRunner
from backend.errors import (
    BoxError,
    BoxRefusedLogin,
    BoxUnreachable,
    BoxUntrusted,
    BoxUnusable,
    ConfigError,
    UpsampleError,
)
from backend.events import (
    BoxLog,
    BoxStatus,
    DispatcherChanged,
    EngineStarting,
    Event,
    HandedOver,
    HandingOver,
    JobDone,
    LinkChanged,
    LinkState,
    TextWritten,
)
from backend.exit_codes import ExitCode, exit_code_of
from backend.planning.orders import Batch, make_jobs
from backend.specs.scan import scan
from backend.store import Job, NewsRow, State, Store
from remote.protocol import EngineLoad, Gpu
from tests.support.near_box import BOX, NearBox, serving_near
from tests.support.queued_jobs import new_job
from tests.support.waiting import until

LIVE = LinkChanged("local", LinkState.LIVE, "vllm 0.32.0")
AWAY = EngineStarting("local", "away: it loads; trying again in 2 s", 5.0)
STATUS = BoxStatus(
    "local", 1.0, "ready", 12, 3, EngineLoad(3, 0, 900.0, 312.4, 0.1),
    (Gpu(0, "H100", 62 << 30, 80 << 30, 71.0),),
)  # fmt: skip
RETRYING = LinkChanged("local", LinkState.RETRYING, "the box is down", 0.5)
STOPPED = LinkChanged("local", LinkState.STOPPED, "the host key is another one")
UNTRUSTED = BoxUntrusted("the host key is another one", "Ask who keeps the box.")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store(tmp_path / "queue.db")) as opened:
        yield opened


@pytest.fixture
def other(store: Store) -> Iterator[Store]:
    """A second Store of the same file, as another process would have it."""
    with closing(Store(store.path)) as opened:
        yield opened


# --- beside a holder at work ---------------------------------------------------------------------


def following(
    store: Store, jobs: list[Job], heard: list[Event], give_up_after: float = 0.0
) -> asyncio.Task[None]:
    """Start a follower that may not work on the queue itself."""

    def dispatcher(_: object) -> Dispatcher:
        raise AssertionError("the follower must not work on the queue")

    return asyncio.create_task(run_or_follow(store, jobs, heard.append, dispatcher, give_up_after))


class Scene:
    """A QueueRunner that holds the lock, a box, and a follower with a job of its own."""

    def __init__(self, folder: Path, store: Store, other: Store, box: NearBox) -> None:
        self.box = box
        self.store = other
        self.told: list[Event] = []
        """The events of the runner."""
        self.heard: list[Event] = []
        """The events of the follower."""
        self.runner = QueueRunner(store, load_settings, UnattendedAsker(), self.told.append)
        self.running = asyncio.create_task(self.runner.run())
        self._folder = folder

    def queue(self, prompt: str) -> list[Job]:
        """Queue a job, as the follower's process does it."""
        spec = self._folder / f"{prompt}.txt"
        spec.write_text(f"{prompt}\n")
        settings = load_settings()
        batch = Batch("local", settings.boxes["local"], settings.upsampling, self._folder / "out")
        return self.store.queue(make_jobs(scan([spec], self._folder).specs, [spec], batch))

    def follow(self, jobs: list[Job]) -> asyncio.Task[None]:
        return following(self.store, jobs, self.heard)

    def says_that_it_is_stopped(self) -> bool:
        """Whether the queue's file has it that the box is stopped."""
        lock = self.store.path.with_suffix(".lock").read_text()
        news = self.store.news("local", Holder(**json.loads(lock)).mark)
        return any(LinkState.STOPPED in row.event for row in news)

    def links(self, events: list[Event]) -> list[LinkState]:
        return [event.state for event in events if isinstance(event, LinkChanged)]


@pytest.fixture
async def scene(
    tmp_path: Path, store: Store, other: Store, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Scene]:
    monkeypatch.chdir(tmp_path)
    async with serving_near(tmp_path / "box", slots=1) as box:
        monkeypatch.setattr(reconnect, "open_link", box.open_link)
        scene = Scene(tmp_path, store, other, box)
        await until(lambda: store.path.with_suffix(".lock").exists())
        yield scene
        scene.running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await scene.running


def refuse_with(error: UpsampleError) -> object:
    def refuse(*_: object, **__: object) -> object:
        raise error

    return refuse


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UNTRUSTED, ExitCode.BOX),
        (BoxRefusedLogin("no key was accepted", "Add one."), ExitCode.BOX),
        (BoxUnusable("a daemon with another setup is busy", "Wait."), ExitCode.BOX),
        (BoxError("it cannot be used"), ExitCode.BOX),
        (ConfigError("there is no box named local", "Name another one."), ExitCode.USAGE),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_a_follower_whose_box_is_stopped_ends_as_if_it_had_been_alone(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, error: UpsampleError, code: ExitCode
) -> None:
    monkeypatch.setattr(reconnect, "open_link", refuse_with(error))
    jobs = scene.queue("one")
    with pytest.raises(UpsampleError) as caught:
        await asyncio.wait_for(scene.follow(jobs), 30)
    ended = caught.value
    assert (type(ended), ended.problem, ended.remedy) == (type(error), error.problem, error.remedy)
    assert exit_code_of(ended) is code
    assert scene.links(scene.heard)[-1] is LinkState.STOPPED
    assert [job.state for job in scene.store.jobs()] == [State.QUEUED]


async def test_a_run_that_is_cancelled_while_its_box_fails_ends(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_tried = asyncio.Event()

    @contextlib.asynccontextmanager
    async def fail_when_cancelled(*_: object, **__: object) -> AsyncIterator[None]:
        is_tried.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise BoxUnusable("it failed just then") from None
        yield

    monkeypatch.setattr(reconnect, "open_link", fail_when_cancelled)
    scene.queue("one")
    await asyncio.wait_for(is_tried.wait(), 30)
    scene.running.cancel()
    await asyncio.wait([scene.running], timeout=30)
    assert scene.running.cancelled()


async def test_a_box_that_was_stopped_before_is_tried_again_for_a_follower(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconnect, "open_link", refuse_with(UNTRUSTED))
    jobs = scene.queue("one")
    await until(scene.says_that_it_is_stopped)
    monkeypatch.setattr(reconnect, "open_link", scene.box.open_link)
    scene.box.engine.let()
    await asyncio.wait_for(scene.follow(jobs), 30)
    assert [job.state for job in scene.store.jobs()] == [State.DONE]
    assert LinkState.STOPPED not in scene.links(scene.heard)


async def test_a_box_that_stays_stopped_ends_a_follower_that_queues_nothing_new(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconnect, "open_link", refuse_with(UNTRUSTED))
    jobs = scene.queue("one")
    await until(scene.says_that_it_is_stopped)
    with pytest.raises(BoxUntrusted):
        await asyncio.wait_for(scene.follow(jobs), 30)


async def test_a_box_that_stopped_before_and_is_not_tried_again_is_believed_after_a_while(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconnect, "open_link", refuse_with(UNTRUSTED))
    monkeypatch.setattr(box_news, "_TRUST_SECONDS", 1.0)
    jobs = scene.queue("one")
    await until(scene.says_that_it_is_stopped)
    scene.runner.stop_sending()
    with pytest.raises(BoxUntrusted):
        await asyncio.wait_for(scene.follow(jobs), 30)


async def test_a_follower_hears_that_its_box_is_tried_again_and_that_it_is_live(
    scene: Scene,
) -> None:
    scene.box.is_down = True
    looking_on = scene.follow(scene.queue("one"))
    await until(lambda: LinkState.RETRYING in scene.links(scene.heard))
    (first, *_) = [e for e in scene.heard if getattr(e, "state", None) is LinkState.RETRYING]
    assert isinstance(first, LinkChanged)
    assert (first.box, first.detail) == ("local", "the box is down")
    assert 0 <= first.retry_in <= 30
    scene.box.is_down = False
    await until(lambda: LinkState.LIVE in scene.links(scene.heard))
    scene.box.engine.let()
    await asyncio.wait_for(looking_on, 30)
    assert any(isinstance(event, JobDone) for event in scene.heard)


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ([RETRYING], "the box is down"),
        ([LIVE, AWAY], "it loads; trying again in 2 s"),
        ([LIVE, replace(STATUS, stage=AWAY.stage)], "it loads; trying again in 2 s"),
        ([LIVE, STATUS], ""),
        ([RETRYING, LIVE, STATUS], ""),
    ],
)
async def test_a_follower_gives_up_as_if_it_had_been_alone_when_its_box_makes_no_progress(
    store: Store, other: Store, events: list[Event], words: str
) -> None:
    jobs = store.queue([new_job(video=None)])
    with dispatcher_lock(other) as own:
        async with writing(other, own.mark) as writer:
            looking_on = following(store, jobs, [], give_up_after=0.6)
            for event in events:
                writer.hear(event)
                await asyncio.sleep(0.15)
            await asyncio.wait([looking_on], timeout=30 if words else 1.2)
            assert looking_on.done() is bool(words)
            looking_on.cancel()
    ended = (await asyncio.gather(looking_on, return_exceptions=True))[0]
    if words:
        assert isinstance(ended, BoxUnreachable)
        assert ended.problem == f"local has made no progress for 0.6 s: {words}"
        assert exit_code_of(ended) is ExitCode.BOX
        assert [job.state for job in store.jobs()] == [State.QUEUED]


async def test_an_app_that_follows_shows_how_the_boxes_do_and_asks_to_try_them(
    store: Store, other: Store
) -> None:
    heard: list[Event] = []
    app = QueueRunner(store, load_settings, UnattendedAsker(), heard.append)
    with dispatcher_lock(other) as own:
        async with writing(other, own.mark) as writer:
            for event in (LIVE, AWAY, STATUS, LinkChanged("a10", LinkState.LIVE, "sketch 1")):
                writer.hear(event)
            running = asyncio.create_task(app.run())
            await until(lambda: STATUS in heard)
            for handed in (HandingOver("local", 187, 200), HandedOver("local", 200)):
                writer.hear(handed)
                await until(lambda handed=handed: handed in heard)  # type: ignore[misc]
                assert await heard_by_a_follower(store, own.mark) == [LIVE, AWAY, STATUS]
            writer.hear(STOPPED, UNTRUSTED)
            await until(lambda: STOPPED in heard)
            app.try_again("local")
            await until(lambda: other.take_tries() == ["local"])
            assert [event for event in heard if isinstance(event, LinkChanged)] == [
                LIVE, LinkChanged("a10", LinkState.LIVE, "sketch 1"), STOPPED,
            ]  # fmt: skip
    await until(lambda: app.is_dispatching)
    closed = [LinkChanged(box, LinkState.CLOSED, "") for box in ("a10", "local")]
    assert heard[-3:] == [*closed, DispatcherChanged("")]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


# --- what is written -----------------------------------------------------------------------------


async def heard_by_a_follower(store: Store, holder: str) -> list[Event]:
    events: list[Event] = []
    await NewsReader(store, "local", events.append).report(holder)
    return events


@contextlib.asynccontextmanager
async def writing(store: Store, holder: str = "me") -> AsyncIterator[NewsWriter]:
    with writing_news(store, holder) as writer:
        task = asyncio.create_task(writer.write())
        try:
            yield writer
        finally:
            task.cancel()


async def test_a_follower_hears_the_same_events_once(store: Store, other: Store) -> None:
    events: list[Event] = []
    reader = NewsReader(store, "local", events.append)
    async with writing(other) as writer:
        for event in (LIVE, AWAY, STATUS):
            writer.hear(event)
        await until(lambda: len(store.news("local", "me")) == 3)
        for _ in range(3):
            await reader.report("me")
        assert events == [LIVE, AWAY, STATUS]
        writer.hear(EngineStarting("local", "ready", 6.0))
        await until(lambda: store.news("local", "me")[-1].kind == EngineStarting.type)
        await reader.report("me")
        assert events[3:] == [EngineStarting("local", "ready", 6.0)]


async def test_the_seconds_until_the_next_try_count_from_the_failure(store: Store) -> None:
    retrying = LinkChanged("local", LinkState.RETRYING, "no route", 30.0)
    async with writing(store) as writer:
        writer.hear(retrying)
        await until(lambda: store.news("local", "me"))
        (row,) = store.news("local", "me")
        store.put_news("me", [NewsRow(row.box, row.kind, row.event, row.time - 20.0)])
        (heard,) = await heard_by_a_follower(store, "me")
    assert isinstance(heard, LinkChanged)
    assert 9 < heard.retry_in <= 10


async def test_what_a_holder_says_that_is_gone_is_not_believed(store: Store, other: Store) -> None:
    store.put_news("killed", [NewsRow("local", "link", "{}", 1.0)])
    with dispatcher_lock(other) as own:
        assert own.mark != "killed"
        assert await heard_by_a_follower(store, own.mark) == []
        async with writing(other, own.mark):
            assert store.news("local", "killed") == []


async def test_what_is_said_of_another_box_is_not_heard(store: Store) -> None:
    async with writing(store) as writer:
        writer.hear(LinkChanged("other", LinkState.LIVE, "vllm"))
        await until(lambda: store.news("other", "me"))
        assert await heard_by_a_follower(store, "me") == []


async def test_a_holder_that_ends_takes_its_news_with_it(store: Store) -> None:
    async with writing(store) as writer:
        writer.hear(LIVE)
        await until(lambda: store.news("local", "me"))
    assert store.news("local", "me") == []


async def test_without_a_link_nothing_is_known_of_the_engine(store: Store) -> None:
    async with writing(store) as writer:
        for event in (LIVE, AWAY, STATUS):
            writer.hear(event)
        await until(lambda: len(store.news("local", "me")) == 3)
        writer.hear(STOPPED, UNTRUSTED)
        await until(lambda: len(store.news("local", "me")) == 1)
    assert store.news("local", "me") == []


async def test_tokens_log_lines_and_a_status_like_the_last_are_not_written(store: Store) -> None:
    async with writing(store) as writer:
        writer.hear(STATUS)
        await until(lambda: store.news("local", "me"))
        (before,) = store.news("local", "me")
        with closing(Store(store.path)) as watching:
            version = watching.others_version()
            for _ in range(1000):
                writer.hear(TextWritten(1, 0, "x"))
                writer.hear(BoxLog("local", 0.0, "info", "vllm", "x"))
                writer.hear(STATUS)
            await asyncio.sleep(0.3)
            assert watching.others_version() == version
        assert store.news("local", "me") == [before]


async def test_many_changes_at_once_are_few_writes(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes = 0
    put = store.put_news

    def counted(*arguments: object) -> None:
        nonlocal writes
        writes += 1
        put(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "put_news", counted)
    async with writing(store) as writer:
        for number in range(200):
            writer.hear(LinkChanged("local", LinkState.LIVE, str(number)))
            await asyncio.sleep(0.002)
        await until(lambda: '"199"' in store.news("local", "me")[0].event)
    assert writes < 30


async def test_a_run_without_the_app_tells_its_followers_of_its_box(
    store: Store, other: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving_near(tmp_path / "box", slots=1) as box:
        monkeypatch.setattr(reconnect, "open_link", box.open_link)
        jobs = store.queue([new_job(box="h100", video=None, destination=tmp_path / "out.txt")])
        run = run_or_follow(
            store,
            jobs,
            lambda _: None,
            lambda watch: Dispatcher(store, BOX, UnattendedAsker(), watch),
        )
        running = asyncio.create_task(run)
        heard: list[Event] = []
        looking_on = following(other, jobs, heard)
        await until(lambda: any(isinstance(event, LinkChanged) for event in heard))
        box.engine.let()
        await asyncio.wait_for(asyncio.gather(running, looking_on), 30)
