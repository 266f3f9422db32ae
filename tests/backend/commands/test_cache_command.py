"""`upsample cache` shows what is kept and removes it, and a batch that ended keeps within the bound."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from backend.cli import run
from backend.commands.cache import age_words
from backend.config import user_file
from backend.dispatch.preparing.picture_cache import trim_kept
from backend.exit_codes import ExitCode
from backend.store import State, Store, default_path
from backend.video.kept_pictures import list_kept
from tests.support.kept_pictures import KEY, make_frames, make_hint
from tests.support.queued_jobs import new_job

HINTS = Path("inputs/hint_videos")
NOW = 4_000_000_000.0
"""After every job that a test queues."""


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working directory that keeps a hint video and two sets of frames, of 100 bytes each."""
    monkeypatch.chdir(tmp_path)
    HINTS.mkdir(parents=True)
    make_hint(HINTS, f"{KEY}-64x36.mp4", 1)
    make_frames(HINTS, f"{KEY}-64x36-0a1b2c3d", 2)
    make_frames(HINTS, f"{KEY}-64x36-ffffffff", NOW)


def names() -> list[float]:
    return [each.used for each in list_kept(HINTS.absolute())]


def queue_a_job(store: Store, state: State = State.QUEUED) -> int:
    settings = json.dumps({"hint_video_dir": str(HINTS.absolute())})
    (job,) = store.queue([replace(new_job("a"), settings=settings)])
    store.set_state(job.number, state)
    return job.number


def test_it_shows_what_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cache", "--json"]) is ExitCode.OK
    (line,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert line == {
        "folder": str(HINTS.absolute()),
        "hint_videos": 1,
        "frame_sets": 2,
        "bytes": 300,
        "oldest_use": 1.0,
        "most_bytes": 20_000_000_000,
    }
    assert run(["cache"]) is ExitCode.OK
    shown = capsys.readouterr().out
    assert str(HINTS) in "".join(shown.split())
    assert "hint videos  frame sets    size" in shown
    assert "1           2  0.3 kB" in shown


@pytest.mark.parametrize(
    ("days", "words"), [(-1.0, "today"), (0.9, "today"), (1.5, "1 day ago"), (30.2, "30 days ago")]
)
def test_the_last_use_is_told_in_whole_days(days: float, words: str) -> None:
    assert age_words(days * 86_400) == words


def test_a_folder_that_keeps_nothing_has_no_row(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cache", "clear"]) is ExitCode.OK
    assert run(["cache"]) is ExitCode.OK
    assert capsys.readouterr().out == ""


def test_settings_of_an_earlier_version_name_no_folder_that_is_shown() -> None:
    with closing(Store(default_path())) as store:
        for name, settings in (("a", "{}"), ("b", '{"hint_video_dir": "hints"}')):
            store.queue([replace(new_job(name), settings=settings)])
    assert run(["cache"]) is ExitCode.OK


def test_it_removes_all_or_what_was_not_used_for_long(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cache", "clear", "--older-than", "30", "--json"]) is ExitCode.OK
    assert json.loads(capsys.readouterr().out)["bytes_removed"] == 200
    assert names() == [NOW]
    assert run(["cache", "clear"]) is ExitCode.OK
    assert names() == []
    assert run(["cache", "clear", "--older-than", "-1"]) is ExitCode.USAGE


@pytest.mark.parametrize(
    ("state", "left"),
    [(State.QUEUED, [NOW]), (State.RUNNING, [NOW]), (State.PAUSED, []), (State.DONE, [])],
)
def test_what_a_queued_job_needs_stays(state: State, left: list[float]) -> None:
    with closing(Store(default_path())) as store:
        queue_a_job(store, state)
    assert run(["cache", "clear"]) is ExitCode.OK
    assert names() == left


@pytest.mark.parametrize(
    ("bound", "left"), [("2.5e-7", [2, NOW]), ("1e-8", [NOW]), ("0", [1, 2, NOW])]
)
def test_a_batch_that_ended_keeps_within_the_bound(
    bound: str, left: list[float], tmp_path: Path
) -> None:
    user_file().parent.mkdir(parents=True, exist_ok=True)
    user_file().write_text(f"[cache]\nhint_videos_gb = {bound}\n")
    with closing(Store(tmp_path / "queue.db")) as store:
        number = queue_a_job(store)
        trim_kept(store, store.jobs([number]))
    assert names() == left


def test_a_batch_that_ended_is_not_failed_by_its_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    with closing(Store(tmp_path / "queue.db")) as store:
        jobs = store.jobs([queue_a_job(store)])
        monkeypatch.chdir(gone)
        gone.rmdir()
        trim_kept(store, jobs)
        monkeypatch.chdir(tmp_path)
    assert names() == [1, 2, NOW]
