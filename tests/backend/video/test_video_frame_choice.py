"""Which frames are chosen, by their real timestamps."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import pytest

from backend.errors import InputError
from backend.video import (
    ChosenFrame,
    FrameSampling,
    choose_frames,
    frame_choice,
    probe,
)

RunFfmpeg = Callable[..., None]
Numbered = Callable[[int], str]


def test_uniform_takes_the_centre_of_equal_parts(tmp_path: Path, run_ffmpeg: RunFfmpeg) -> None:
    clip = tmp_path / "five.mp4"
    run_ffmpeg("-f", "lavfi", "-i", "testsrc=s=32x18:r=24:d=5", "-preset", "ultrafast", clip)
    chosen = choose_frames(probe(clip), 2, FrameSampling.UNIFORM)
    assert chosen == (ChosenFrame(30, 1.25), ChosenFrame(90, 3.75))


def test_first_takes_the_first_frames(counted_clip: Path) -> None:
    chosen = choose_frames(probe(counted_clip), 3, FrameSampling.FIRST)
    assert [frame.index for frame in chosen] == [0, 1, 2]
    assert chosen[1].time == pytest.approx(1 / 24)


@pytest.mark.parametrize(
    ("sampling", "count", "indices"),
    [
        (FrameSampling.LAST, 1, [47]),
        (FrameSampling.LAST, 3, [45, 46, 47]),
        (FrameSampling.FIRST_LAST, 1, [0]),
        (FrameSampling.FIRST_LAST, 2, [0, 47]),
        (FrameSampling.FIRST_LAST, 4, [0, 16, 31, 47]),
    ],
)
def test_last_and_first_last_reach_the_end(
    counted_clip: Path, sampling: FrameSampling, count: int, indices: list[int]
) -> None:
    chosen = choose_frames(probe(counted_clip), count, sampling)
    assert [frame.index for frame in chosen] == indices


def test_fps_takes_a_frame_each_half_second_until_the_end(counted_clip: Path) -> None:
    video = probe(counted_clip)
    assert [f.time for f in choose_frames(video, 3, FrameSampling.FPS)] == [0.0, 0.5, 1.0]
    assert [f.index for f in choose_frames(video, 99, FrameSampling.FPS)] == [0, 12, 24, 36]


@pytest.mark.parametrize(
    ("keys", "count", "indices"),
    [
        ((0, 24), 1, [24]),
        ((0, 24), 2, [0, 24]),
        ((0, 24), 3, [0, 24]),
        ((0, 44, 46), 2, [0, 44]),
        ((0, 2, 4), 3, [0, 2, 4]),
        ((40, 44, 46), 2, [40, 44]),
        ((12,), 2, [12]),
        (range(48), 2, [12, 36]),
        ((), 2, [12, 36]),
    ],
)
def test_key_frames_nearest_to_the_centres_are_taken_each_once(
    counted_clip: Path,
    monkeypatch: pytest.MonkeyPatch,
    keys: Sequence[int],
    count: int,
    indices: list[int],
) -> None:
    video = probe(counted_clip)
    starts = [Fraction(index, 24) for index in range(48)]
    line = frame_choice._Timeline(starts, Fraction(2), keys, Fraction(3))
    monkeypatch.setattr(frame_choice, "_read_timeline", lambda _video: line)
    chosen = choose_frames(video, count, FrameSampling.KEYFRAMES)
    assert [frame.index for frame in chosen] == indices
    assert [frame.key_time for frame in chosen] == [3 + frame.time for frame in chosen]


def test_the_key_frames_of_a_clip_are_told_by_its_packets(counted_clip: Path) -> None:
    chosen = choose_frames(probe(counted_clip), 9, FrameSampling.KEYFRAMES)
    assert [(frame.index, frame.time) for frame in chosen] == [(0, 0.0), (24, 1.0)]


@pytest.mark.parametrize(
    "sampling",
    [it for it in FrameSampling if it not in (FrameSampling.FPS, FrameSampling.KEYFRAMES)],
)
@pytest.mark.parametrize("count", [48, 1000])
def test_no_frame_comes_twice(counted_clip: Path, sampling: FrameSampling, count: int) -> None:
    chosen = choose_frames(probe(counted_clip), count, sampling)
    assert [frame.index for frame in chosen] == list(range(48))


def test_uneven_frames_are_taken_at_their_real_times(uneven_clip: Path) -> None:
    # Frame 10 comes at 1.0 s; the second half of the frames takes 0.4 s.
    video = probe(uneven_clip)
    chosen = choose_frames(video, 30, FrameSampling.FIRST)
    times = [0.1 * n if n < 10 else 1 + (n - 10) * 0.02 for n in range(30)]
    assert [frame.time for frame in chosen] == pytest.approx(times)
    assert [f.index for f in choose_frames(video, 3, FrameSampling.FPS)] == [0, 5, 10]
    assert choose_frames(video, 2)[0].index == 3


@pytest.mark.parametrize("sampling", FrameSampling)
def test_a_picture_gives_its_one_frame(picture: Path, sampling: FrameSampling) -> None:
    assert choose_frames(probe(picture), 2, sampling) == (ChosenFrame(0, 0.0),)


@pytest.mark.parametrize("sampling", FrameSampling)
def test_a_video_of_one_frame_gives_one(
    tmp_path: Path, run_ffmpeg: RunFfmpeg, numbered: Numbered, sampling: FrameSampling
) -> None:
    clip = tmp_path / "one.mp4"
    run_ffmpeg("-f", "lavfi", "-i", numbered(1), clip)
    chosen = choose_frames(probe(clip), 2, sampling)
    assert [(frame.index, frame.time) for frame in chosen] == [(0, 0.0)]


def test_no_frames_cannot_be_chosen(counted_clip: Path) -> None:
    with pytest.raises(InputError, match="at least 1"):
        choose_frames(probe(counted_clip), 0)


_WHILE_PYAV_IS_IMPORTED = """
import importlib, pickle, sys, threading
from backend.video import choose_frames

video = pickle.load(sys.stdin.buffer)
importing = threading.Thread(target=importlib.import_module, args=["av"])
importing.start()
while "av.audio" not in sys.modules:
    assert importing.is_alive()
print(len(choose_frames(video, 2)))
"""


def test_a_video_probed_in_an_earlier_run_is_read_while_another_thread_imports_pyav(
    counted_clip: Path,
) -> None:
    program = [sys.executable, "-c", _WHILE_PYAV_IS_IMPORTED]
    done = subprocess.run(
        program, input=pickle.dumps(probe(counted_clip)), capture_output=True, timeout=60
    )
    assert (done.stdout, done.stderr) == (b"2\n", b"")
