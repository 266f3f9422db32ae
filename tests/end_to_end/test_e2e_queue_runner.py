"""The queue as an app works on it: jobs join others that run, on the real embedded box."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from backend.box.asker import UnattendedAsker
from backend.config import load_settings
from backend.dispatch.runs.runner import QueueRunner
from backend.events import (
    DispatcherChanged,
    Event,
    JobDone,
    LinkChanged,
    LinkState,
    QueueChanged,
    ResultsWritten,
)
from backend.exit_codes import ExitCode
from backend.planning.orders import Batch, make_jobs
from backend.specs.scan import scan
from backend.store import Job, Order, State, Store
from tests.support.daemons import end_daemons
from tests.support.laptop import Laptop
from tests.support.specs import write_batch
from tests.support.waiting import until


@dataclass
class Desk:
    """An open queue, and everything that was heard of it."""

    store: Store
    runner: QueueRunner
    folder: Path
    events: list[Event]
    heard: asyncio.Event = field(default_factory=asyncio.Event)
    running: asyncio.Task[None] | None = None

    def watch(self, event: Event) -> None:
        self.events.append(event)
        self.heard.set()

    def orders(self, specs: Sequence[Path], box: str = "local") -> list[Order]:
        settings = load_settings()
        batch = Batch(box, settings.boxes["local"], settings.upsampling, self.folder / "out")
        return make_jobs(scan(specs, self.folder).specs, specs, batch)

    async def queue(self, specs: Sequence[Path], box: str = "local") -> list[Job]:
        return await self.runner.queue(self.orders(specs, box))

    async def until(self, done: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not done():
                self.heard.clear()
                await self.heard.wait()

    async def stop(self) -> None:
        if self.running is not None:
            self.running.cancel()
            await asyncio.gather(self.running, return_exceptions=True)

    @property
    def link(self) -> LinkState | None:
        """As it was told of last."""
        told = (event.state for event in reversed(self.events) if isinstance(event, LinkChanged))
        return next(told, None)

    def of(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
async def desk(tmp_path: Path, own_home: Path) -> AsyncIterator[Desk]:
    config = own_home / ".config" / "upsample" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(f'[box_defaults]\nidle_timeout = 2\nroot = "{tmp_path}/box"\n')
    store = Store(tmp_path / "queue.db")
    made = Desk(
        store,
        QueueRunner(store, load_settings, UnattendedAsker(), lambda e: made.watch(e)),
        tmp_path,
        [],
    )
    made.running = asyncio.create_task(made.runner.run())
    yield made
    await made.stop()
    store.close()
    end_daemons(tmp_path)


async def test_jobs_join_those_that_run(desk: Desk, small_clips: list[Path]) -> None:
    first, *rest = write_batch(desk.folder, small_clips, 4)
    await desk.queue([first])
    await desk.until(lambda: bool(desk.of(LinkChanged)))
    await desk.queue(rest)
    await desk.until(lambda: len(desk.of(ResultsWritten)) == 4)

    assert [job.state for job in desk.store.jobs()] == [State.DONE] * 4
    assert sorted(event.job for event in desk.events if isinstance(event, JobDone)) == [1, 2, 3, 4]


async def test_work_that_comes_after_a_rest_is_done_too(
    desk: Desk, small_clips: list[Path]
) -> None:
    for count, spec in enumerate(write_batch(desk.folder, small_clips, 2), 1):
        await desk.queue([spec])
        await desk.until(lambda: len(desk.of(ResultsWritten)) == count)  # noqa: B023 - awaited here
        await desk.until(lambda: desk.link is LinkState.CLOSED)


async def test_a_box_that_is_gone_from_the_config_stops_and_the_others_go_on(
    desk: Desk, small_clips: list[Path]
) -> None:
    first, second = write_batch(desk.folder, small_clips, 2)
    await desk.queue([first], box="gone")
    await desk.queue([second])
    await desk.until(lambda: bool(desk.of(ResultsWritten)))
    stopped = [e for e in desk.events if isinstance(e, LinkChanged) and e.box == "gone"]
    assert [event.state for event in stopped] == [LinkState.STOPPED]
    assert "no box is named 'gone'" in stopped[0].detail


async def test_a_second_one_looks_on_and_takes_over_when_the_first_ends(
    desk: Desk, small_clips: list[Path]
) -> None:
    first, second = write_batch(desk.folder, small_clips, 2)
    events: list[Event] = []
    with contextlib.closing(Store(desk.store.path)) as store:
        runner = QueueRunner(store, load_settings, UnattendedAsker(), events.append)
        looking_on = asyncio.create_task(runner.run())
        try:
            await until(lambda: any(isinstance(e, DispatcherChanged) for e in events))
            assert not runner.is_dispatching
            await desk.queue([first])
            await until(lambda: any(isinstance(e, QueueChanged) and 1 in e.jobs for e in events))
            await desk.until(lambda: bool(desk.of(ResultsWritten)))
            await desk.stop()
            await until(lambda: runner.is_dispatching)
            await runner.queue(desk.orders([second]))
            await until(lambda: any(isinstance(e, ResultsWritten) for e in events))
        finally:
            looking_on.cancel()
            await asyncio.gather(looking_on, return_exceptions=True)
    assert DispatcherChanged("") in events


@pytest.mark.usefixtures("sshd")  # its host key is not known
async def test_a_run_beside_an_app_whose_box_is_refused_ends_as_it_does_alone(
    laptop: Laptop, one_spec: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = await asyncio.to_thread(laptop.batch, one_spec)
    monkeypatch.setenv("HOME", str(laptop.home))
    with contextlib.closing(Store(laptop.queue_file)) as store:
        events: list[Event] = []
        runner = QueueRunner(store, load_settings, UnattendedAsker(), events.append)
        running = asyncio.create_task(runner.run())
        try:
            await until(lambda: any(getattr(e, "state", "") == LinkState.STOPPED for e in events))
            beside = await asyncio.to_thread(laptop.batch, one_spec)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
    assert alone.returncode == beside.returncode == ExitCode.BOX
    assert "host key" in alone.stderr
    news, *rest = beside.stderr.splitlines()
    assert "works on the queue" in news
    assert rest == alone.stderr.splitlines()
    assert laptop.states() == {"queued": 1}
