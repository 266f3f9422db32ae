"""A batch is queued as a whole, with few of its orders in memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from backend.commands import queue_specs as queueing
from backend.commands.queue_specs import queue_specs
from backend.config import Settings, check_layers
from backend.planning import admission
from backend.planning.orders import Batch, make_jobs, same_frames_together
from backend.results import writing
from backend.results.decisions import deliver
from backend.specs.model import Spec, SpecFormat
from backend.specs.scan import scan
from backend.store import Job, Order, Store
from tests.backend.commands.running_commands import Capsys
from tests.support.finished_jobs import Finisher


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory. Three orders are in memory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(queueing, "_AT_ONCE", 3)
    return tmp_path


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "queue.db")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def settings() -> Settings:
    return check_layers([])


@pytest.fixture
def batch(settings: Settings, folder: Path) -> Batch:
    name, box = settings.box_named(None)
    own = settings.upsampling.model_copy(update={"hint_video_dir": folder / "hints"})
    return Batch(name, box, own, folder / "out")


def _specs(count: int, folder: str = "specs") -> list[Spec]:
    return [
        Spec(SpecFormat.TEXT, Path(folder, f"{n}.txt"), 0, 1, str(n), f"A tram on square {n}")
        for n in range(count)
    ]


def _stopped_in_the_second_portion(
    store: Store, monkeypatch: pytest.MonkeyPatch, stop: BaseException
) -> None:
    portions: list[int] = []
    whole = store.queue_unread

    def queue_unread(jobs: Sequence[Order]) -> list[int]:
        portions.append(len(jobs))
        if len(portions) == 2:
            raise stop
        return whole(jobs)

    monkeypatch.setattr(store, "queue_unread", queue_unread)


def test_portions_queue_what_all_at_once_would(
    store: Store, batch: Batch, settings: Settings
) -> None:
    drawn = replace(batch, candidates=2)
    others = [replace(spec, video=Path(f"{n % 2}.mp4")) for n, spec in enumerate(_specs(5, "more"))]
    specs = [*_specs(5), *others]
    named = [Path("specs"), Path("more")]

    numbers, refused = queue_specs(specs, named, store, drawn, settings)

    wanted = same_frames_together(make_jobs(specs, named, drawn))
    jobs = store.jobs()
    assert [job.key for job in jobs] == [order.key for order in wanted]
    assert (numbers, refused) == ([job.number for job in jobs], 0)
    assert sorted(jobs, key=lambda job: job.place) == jobs


def test_results_have_their_names_in_the_order_of_the_specs(
    store: Store, batch: Batch, settings: Settings, folder: Path
) -> None:
    """Whatever shows the same frames: otherwise a changed prompt would give other specs other names."""
    for name in ("a", "b"):
        (folder / name).mkdir()
    of_a, of_b = (
        Spec(SpecFormat.TEXT, Path(name, "dusk.txt"), 0, 1, "dusk", name) for name in "ab"
    )
    first = Spec(SpecFormat.TEXT, Path("other.txt"), 0, 1, "other", "b")
    queue_specs([first, of_a, of_b], [Path("a"), Path("b")], store, batch, settings)
    jobs = store.jobs()
    assert [job.file.parent.name for job in jobs] == [folder.name, "b", "a"]
    assert jobs[2].destination.name == "dusk.txt"
    assert jobs[1].destination.name != "dusk.txt"


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), OSError("the disk is full")])
def test_a_batch_that_is_stopped_between_two_portions_leaves_nothing_in_the_queue(
    store: Store,
    batch: Batch,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    stop: BaseException,
) -> None:
    _stopped_in_the_second_portion(store, monkeypatch, stop)
    with pytest.raises(type(stop)):
        queue_specs(_specs(7), [Path("specs")], store, batch, settings)
    assert store.jobs() == []


def test_all_reasons_are_told_once_before_anything_is_queued(
    store: Store, batch: Batch, settings: Settings, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    specs = [replace(spec, video=Path("gone.mp4")) for spec in _specs(7)]
    batch.save_dir.mkdir()
    for occupied in (1, 5):
        (batch.save_dir / f"{occupied}.txt").write_text("somebody's")
    _stopped_in_the_second_portion(store, monkeypatch, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        queue_specs(specs, [], store, batch, settings)
    told = capsys.readouterr().err
    assert told.count("exists already") == 2


def test_what_cannot_be_written_is_counted_and_the_rest_is_queued(
    store: Store, batch: Batch, settings: Settings
) -> None:
    batch.save_dir.mkdir()
    (batch.save_dir / "4.txt").write_text("somebody's")
    numbers, refused = queue_specs(_specs(7), [], store, batch, settings)
    assert (len(numbers), refused) == (6, 1)
    assert {job.name for job in store.jobs()} == set("012356")


def test_queueing_takes_less_than_half_the_memory_that_its_orders_would(
    store: Store, batch: Batch, settings: Settings
) -> None:
    many = _specs(600)
    queue_specs(_specs(3), [], store, batch, settings)  # what is loaded once
    tracemalloc.start()
    try:
        orders = make_jobs(many, [Path("specs")], batch)
        whole, _ = tracemalloc.get_traced_memory()
        del orders
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        queue_specs(many, [Path("specs")], store, batch, settings)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most - before < whole / 2, (most - before, whole)


def test_accepted_results_that_others_will_replace_are_told_before(
    store: Store, batch: Batch, settings: Settings, folder: Path, capsys: Capsys
) -> None:
    files = [folder / f"{name}.txt" for name in "abcd"]
    for file in files:
        file.write_text("dusk\n")
    finisher = Finisher(store, batch.save_dir)
    first, *_ = (job for file in files for job in finisher.finish(file, review=False))
    for job in store.jobs():
        deliver(store, job.destination)
    specs = scan(files, folder).specs
    same = replace(batch, settings=settings.upsampling)
    queue_specs(specs, files, store, same, settings)
    assert "replaced" not in capsys.readouterr().err
    queue_specs(specs, files, store, replace(same, seed=5), settings)
    told = capsys.readouterr().err
    assert f"4 accepted results will be replaced; `upsample results accept {first.number}`" in told


def test_the_entries_of_one_file_are_looked_up_together(
    store: Store,
    batch: Batch,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each by itself, 100,000 in one file would be compared with 100,000 others."""
    looked: list[Path] = []
    read: list[Path] = []
    candidates, check = store.candidates_in, writing.check_destination

    def candidates_in(file: Path, entries: Iterable[int]) -> list[Job]:
        looked.append(file)
        return candidates(file, entries)

    def check_destination(store: Store, path: Path, source: Path, *, force: bool) -> None:
        read.append(path)
        check(store, path, source, force=force)

    monkeypatch.setattr(store, "candidates_in", candidates_in)
    monkeypatch.setattr(admission, "check_destination", check_destination)
    batch.save_dir.mkdir()
    (batch.save_dir / "many.txt").write_text("dusk")
    entries = [replace(spec, file=Path("many.txt"), entry=n) for n, spec in enumerate(_specs(7))]
    specs = [*entries, *_specs(2)]
    queue_specs(specs, [Path("many.txt")], store, replace(batch, force=True), settings)
    assert [path.name for path in looked] == ["many.txt"] * 3, "once a portion"
    assert [path.name for path in read] == ["many.txt", "0.txt", "1.txt"], "once"
