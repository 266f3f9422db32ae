"""Jobs that are kept packed, and jobs that are read from the queue when they are needed."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from backend.dispatch.jobs import packed_jobs
from backend.dispatch.jobs.packed_jobs import PackedJobs
from backend.generation import Generation
from backend.sizes import Size
from backend.specs.model import Mode, Target
from backend.store import Draw, Job, State, Store, stored_jobs
from backend.store.stored_jobs import StoredJobs, numbers_of
from tests.support.queued_jobs import new_job

_MOST_BYTES = 1_000
"""Of a packed job. As an object, it takes twice as much."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store(tmp_path / "queue.db")) as store:
        yield store


def queued(store: Store, count: int) -> list[Job]:
    settings = '{"max_tokens": 4096, "hint_video_dir": "/a/folder"}' * 5
    return store.queue([new_job(f"k{number}", settings=settings) for number in range(count)])


def test_a_packed_job_is_the_same_when_it_is_needed(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packed_jobs, "_RECENT", 1)
    plain, other = queued(store, 2)
    full = replace(
        other,
        state=State.RUNNING,
        video=Path("/clips/a.mp4"),
        controls=(Path("/clips/edge.mp4"), Path("/clips/b\udc80.mp4")),
        target=Target(Mode.TEXT2VIDEO, fps=24.0),
        generation=Generation("text2video", Size(1280, 720), "16,9", 24.0, 5.0),
        draws=(Draw(1, "abc", "no object", 5, None),),
    )
    whole = replace(plain, number=7, target=Target(Mode.TEXT2VIDEO, fps=24))
    packed = PackedJobs()
    for job in (plain, full, whole):
        packed[job.number] = job
    assert [packed[number] for number in packed] == [plain, full, whole]
    assert str(packed[full.number].target.fps) == "24.0"
    assert str(packed[7].target.fps) == "24"
    packed[7] = replace(whole, name="changed")
    assert packed.pop(7).name == "changed"
    assert list(packed.keys()) == [plain.number, full.number]
    assert 7 not in packed


def test_thousands_of_packed_jobs_take_little_memory(store: Store) -> None:
    jobs = StoredJobs(store, [job.number for job in queued(store, 2_000)])
    packed = PackedJobs()
    tracemalloc.start()
    for job in jobs:
        packed[job.number] = job
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert taken / len(packed) < _MOST_BYTES


def test_stored_jobs_are_read_as_they_are_now_in_the_order_that_was_asked_for(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_jobs, "_READ_AT_ONCE", 2)
    numbers = [job.number for job in reversed(queued(store, 5))]
    jobs = StoredJobs(store, numbers)
    store.set_state(numbers[1], State.CANCELLED)
    assert [job.number for job in jobs] == numbers
    assert jobs[1].state is State.CANCELLED
    assert [job.number for job in jobs[3:]] == numbers[3:]
    assert len(jobs) == 5
    assert list(numbers_of(jobs)) == numbers_of(list(jobs)) == numbers
    store.forget([numbers[1]])
    assert [job.number for job in jobs] == [numbers[0], *numbers[2:]]
    with pytest.raises(IndexError):
        jobs[1]
