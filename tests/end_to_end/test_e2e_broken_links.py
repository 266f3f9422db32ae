"""A batch over a link that breaks again and again at awkward moments: no event is missed, none applied twice.

The way is the real one, by sshd, relay and daemon; only the pauses between two tries are made short.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.box.asker import UnattendedAsker
from backend.box.links import backoff, reconnect
from backend.box.setup import make_box
from backend.config import load_settings
from backend.dispatch.dispatcher import Dispatcher
from backend.events import Event, JobDone, LinkChanged, LinkState, TextWritten
from backend.planning.orders import Batch, make_jobs
from backend.specs.scan import scan
from backend.store import Store
from tests.end_to_end.conftest import StartSshd
from tests.support.laptop import Laptop, journal_records
from tests.support.proxy import Proxy, cuttable
from tests.support.specs import write_batch
from tests.support.sshd import BOUND

_JOBS = 12
Break = Callable[[Proxy], None]


def _after(size: int) -> Break:
    return lambda proxy: proxy.reset_after(size)


BREAKS: list[Break] = [
    *(_after(size) for size in (0, 1, 33, 90, 300, 700, 1500)),
    lambda proxy: proxy.cut(),
    lambda proxy: proxy.reset(),
]
"""From the moment at which a link is live: within a packet, a frame, a burst of events, or at once."""


@pytest.fixture
def store(laptop: Laptop, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("HOME", str(laptop.home))
    monkeypatch.chdir(laptop.cwd)
    monkeypatch.setattr(backoff, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(reconnect, "STEADY_SECONDS", 0.0)
    return Store(laptop.queue_file)


async def test_no_event_is_missed_and_none_is_applied_twice(
    laptop: Laptop,
    start_sshd: StartSshd,
    box_root: Path,
    store: Store,
    large_clips: list[Path],
) -> None:
    server = start_sshd()
    events: list[Event] = []
    left = list(BREAKS)
    with cuttable(server.port) as proxy:
        laptop.add_host("testbox", proxy.port)
        laptop.add_box("testbox", box_root)
        laptop.trust(proxy.port, server.host_key)

        def hear(event: Event) -> None:
            events.append(event)
            if isinstance(event, LinkChanged) and event.state is LinkState.LIVE and left:
                left.pop(0)(proxy)

        settings = load_settings()
        name, box_settings = settings.box_named(None)
        specs = write_batch(laptop.cwd, large_clips, _JOBS)
        batch = Batch(name, box_settings, settings.upsampling, laptop.cwd / "out")
        jobs = store.queue(make_jobs(scan(specs, laptop.cwd).specs, specs, batch))
        box = make_box(name, box_settings, settings)
        async with asyncio.timeout(2 * BOUND):
            await Dispatcher(store, box, UnattendedAsker(), hear).run(jobs)

    assert left == [], "the batch was over before the link had broken often enough: make it larger"
    _check(events, box_root)
    assert laptop.states() == {"done": _JOBS}
    store.close()


def _check(events: list[Event], root: Path) -> None:
    done = {event.job: event for event in events if isinstance(event, JobDone)}
    assert Counter(type(event) for event in events)[JobDone] == len(done) == _JOBS
    for kind in ("accepted", "finished"):
        assert set(Counter(journal_records(root, kind)).values()) == {1}
    for number, event in done.items():
        assert _text(events, number).strip() == event.prompt


def _text(events: list[Event], job: int) -> str:
    """The text as a reader of the events has it, who heeds their offsets."""
    text = ""
    for event in events:
        if isinstance(event, TextWritten) and event.job == job and event.offset <= len(text):
            text = text[: event.offset] + event.text
    return text
