"""What a page of a thousand results takes: time, bytes and memory.

    python -m benchmarks.report [--results 1000] [--frames 2] [--laps 3]

A queue holds results of as many prompts, every third one a JSON object of some 10 kB and the others prose of
250 words. Each was sent frames of one of 20 clips in which much moves, at times of its own. Compared is the
processor time of `upsample results --html`, from its start to its exit, with that of making the same small
pictures alone. The ways take turns.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from backend.config.profiles import load_profile
from backend.console import say
from backend.results.report.from_queue import report_of_queue
from backend.results.report.pictures import PictureMaker
from backend.store import State, Store
from backend.video.clips import Clip, draw_clips
from benchmarks import cpu
from benchmarks.objects import write_object
from remote.protocol import FrameInfo
from tests.support.finished_jobs import ANSWER, Finisher, request_of
from tests.support.laptop import UPSAMPLE
from tests.support.memory import measure
from tests.support.specs import write_spec

_CLIPS = 20
_SECONDS = 0.25
"""The length of a clip."""
_GRAPH = "testsrc2=s=640x360:r=24,hue=H={}*t,noise=alls=12:allf=t"
_LONGEST = 1800.0
"""Seconds that the command may take."""
_WORDS = (
    "low sunlight grazes wet cobbles while tram number {} glides past lit windows and steam rises "
)


def fill(queue: Path, folder: Path, results: int, frames: int) -> None:
    """Make a queue with so many results, each of a prompt of its own and with so many frames."""
    clips = draw_clips(
        [Clip(f"clip{n}.mp4", _GRAPH.format(n), _SECONDS) for n in range(_CLIPS)],
        folder,
    )
    written = write_object(json.loads(load_profile("cosmos3").schema_for("text2video")))
    with closing(Store(queue)) as store:
        finisher = Finisher(store, folder / "out")
        for n in range(results):
            spec = {
                "id": f"ps_{n}",
                "prompt": f"tram {n}",
                "input_video_path": str(clips[n % _CLIPS]),
            }
            (job,) = finisher.queue(write_spec(folder / "specs" / f"tram{n:05}.json", spec))
            times = [(part + (n + 0.5) / results) * _SECONDS / frames for part in range(frames)]
            sent = tuple(FrameInfo("ab" * 32, 640, 360, at) for at in times)
            identity = store.set_request(
                job.number, replace(request_of(job), frames=sent), 2479, None
            )
            said = (
                written.replace("low light", f"low light {n}")
                if n % 3 == 0
                else _WORDS.format(n) * 16
            )
            store.keep_answer(
                identity, job.box, replace(ANSWER, text=said, completion_tokens=n % 290)
            )
            store.set_state(job.number, State.DONE)


def pictures_alone(queue: Path) -> tuple[float, int]:
    """Make all pictures, and return the processor time in seconds and the bytes of their data URIs."""
    with closing(Store(queue)) as store:
        prompts = report_of_queue(store).prompts
    begun, size = time.process_time(), 0
    maker = PictureMaker()
    for prompt in prompts:
        size += sum(len(picture.uri) for picture in maker.make(prompt).pictures)
    return time.process_time() - begun, size


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--results", type=int, default=1000)
    parser.add_argument("--frames", type=int, default=2)
    parser.add_argument("--laps", type=int, default=3)
    given = parser.parse_args()
    ratios = []
    with tempfile.TemporaryDirectory(prefix="upsample-bench-") as name:
        folder = Path(name)
        environment = dict(os.environ) | {"HOME": name, "XDG_DATA_HOME": str(folder / "data")}
        queue = folder / "data" / "upsample" / "queue.db"
        queue.parent.mkdir(parents=True)
        fill(queue, folder, given.results, given.frames)
        page = folder / "report.html"
        command: list[str | Path] = [UPSAMPLE, "results", "--html", page, "--force"]
        for lap in range(given.laps):
            alone, size = pictures_alone(queue) if lap % 2 else (0.0, 0)
            begun = cpu.of_ended_children()
            ran = measure(command, environment, seconds=_LONGEST)
            whole = cpu.of_ended_children() - begun
            if ran.status:
                raise SystemExit(ran.err)
            alone, size = (alone, size) if alone else pictures_alone(queue)
            ratios.append(whole / alone)
            say(
                f"lap {lap + 1}: page {whole:.1f} s of processor time, {page.stat().st_size / 1e6:.1f} MB, "
                f"{ran.peak / 1e6:.0f} MB of memory; its pictures alone {alone:.1f} s, {size / 1e6:.1f} MB"
            )
    said = ", ".join(f"{ratio:.2f}" for ratio in sorted(ratios))
    say(f"page ÷ pictures: {statistics.median(ratios):.2f} ({said}); the goal is 3")


if __name__ == "__main__":
    main()
