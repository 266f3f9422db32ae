"""How quickly frames are drawn: by one ffmpeg and by two, and key frames against frames from all over.

Each way draws two frames of each of some clips as a batch draws them: into an empty folder, at their own
size. The clips are copies of the given video that differ in bytes at their end alone; those for key frames
are copies of a minute of it as H.264 with a key frame a second. The ways take turns, lap by lap, and a ratio
is taken within a lap. Processor time changes little with what else the machine does, seconds do.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import struct
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from backend.video import FrameSampling, choose_frames, find_ffmpeg, prepare_frames, probe
from benchmarks.cpu import of_ended_children
from benchmarks.figures import Spread

_FRAMES = 2


@dataclass(frozen=True, slots=True)
class Way:
    """One way to draw."""

    name: str
    processes: int
    threads: int
    """Threads of each ffmpeg; 0 leaves it to ffmpeg."""
    sampling: FrameSampling = FrameSampling.UNIFORM


ONE = Way("one process, one thread", 1, 1)
TWO = Way("two processes, one thread each", 2, 1)
FREE = Way("two processes, ffmpeg's own threads", 2, 0)
UNIFORM = Way("uniform", 1, 1)
KEYS = Way("keyframes", 1, 1, FrameSampling.KEYFRAMES)


@dataclass(frozen=True, slots=True)
class Drawn:
    """What drawing all clips took."""

    seconds: float
    processor: float
    """Processor time of the ffmpegs."""


def copies(clip: Path, folder: Path, count: int) -> list[Path]:
    """Write copies of an MP4 that differ in an empty box at their end, so that each is drawn anew."""
    folder.mkdir()
    made = []
    for number in range(count):
        copy = folder / f"{number}.mp4"
        shutil.copyfile(clip, copy)
        with copy.open("ab") as file:
            file.write(struct.pack(">I4sI", 12, b"free", number))
        made.append(copy)
    return made


def with_key_frames(clip: Path, folder: Path) -> Path:
    """Write a minute of the clip with a key frame a second."""
    made = folder / "keys.mp4"
    rate = round(probe(clip).fps)
    encoding = f"-an -c:v libx264 -preset veryfast -g {rate} -sc_threshold 0"
    reading = "-v error -nostdin -stream_loop -1 -t 60"
    command = [str(find_ffmpeg()), *reading.split(), "-i", str(clip), *encoding.split(), str(made)]
    subprocess.run(command, check=True)
    return made


async def draw(clips: Sequence[Path], way: Way, folder: Path) -> Drawn:
    """Draw the frames of all clips into a new folder."""
    room = asyncio.Semaphore(way.processes)

    async def one(clip: Path) -> None:
        async with room:
            video = await asyncio.to_thread(probe, clip)
            chosen = await asyncio.to_thread(choose_frames, video, _FRAMES, way.sampling)
            drawn = await prepare_frames(video, chosen, video.size, hints, threads=way.threads)
            if len(drawn.frames) != _FRAMES:
                raise SystemExit(f"{clip} has {len(drawn.frames)} frames")

    with tempfile.TemporaryDirectory(dir=folder) as name:
        hints = Path(name)
        spent, began = of_ended_children(), time.monotonic()
        await asyncio.gather(*map(one, clips))
        return Drawn(time.monotonic() - began, of_ended_children() - spent)


def compare(ways: Sequence[Way], clips: Sequence[Path], folder: Path, laps: int) -> None:
    """Print what each way takes, and how much quicker each of the later ones is than the first."""
    runs: dict[Way, list[Drawn]] = {way: [] for way in ways}
    for _ in range(laps):
        for way in ways:
            runs[way].append(asyncio.run(draw(clips, way, folder)))
    first = runs[ways[0]]
    for way, drawn in runs.items():
        seconds = Spread.of([it.seconds / len(clips) for it in drawn])
        processor = Spread.of([it.processor / len(clips) for it in drawn])
        quicker = Spread.of([a.seconds / b.seconds for a, b in zip(first, drawn, strict=True)])
        print(  # noqa: T201
            f"{way.name:<36} {seconds.text(3)} s a clip, {processor.text(3)} s of processor time; "
            f"{quicker.text(2)} times {ways[0].name}"
        )


def main() -> None:
    """Measure, and print all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", type=Path, help="an MP4 of some seconds")
    parser.add_argument("--clips", type=int, default=20)
    parser.add_argument("--laps", type=int, default=7)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        short = copies(given.clip, folder / "short", given.clips)
        compare((ONE, TWO, FREE), short, folder, given.laps)
        long = copies(with_key_frames(given.clip, folder), folder / "long", 3)
        compare((UNIFORM, KEYS), long, folder, given.laps)


if __name__ == "__main__":
    main()
