"""`python -m tests.faults --hand-over 2000`: a long batch, each job with a picture, done in three ways, each
with a home and a box of its own.

    slots                 the box is given as many as keep it busy, until all is done
    hand-over             the box is given all of it at once; the app stays
    hand-over, app gone   the same; once the box has all of it, the app is killed and the laptop is left as it
                          is, the box does everything alone, and a later run fetches it

The frames are drawn before. Each way is judged as a batch among faults is, and what it took of the laptop's
processor is compared within the lap.
"""

from __future__ import annotations

import signal
import tempfile
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import median

from backend.config import Layer, check_layers
from backend.planning.plan import Planner
from backend.specs.media import ShownMedia
from backend.tokens import TextCounter
from backend.video import choose_frames, prepare_frames
from tests.faults.batch import Batch, Size
from tests.faults.evidence import keep_evidence
from tests.faults.field import House, open_field
from tests.faults.hand_over import HAND_OVER, HandOver
from tests.faults.kind import Kind, Side
from tests.faults.oracle import judge, judge_end
from tests.faults.scenes import make_scenes
from tests.faults.seen import Planned

SLOTS, STAYS, GONE = "slots", "hand-over", "hand-over, app gone"
WAYS = (SLOTS, STAYS, GONE)
_NAME = "whole"
_JOB_SECONDS = 1.0
"""That a job may take on a machine with much else to do, before something hangs."""
_LEAST_SECONDS = 120.0


@dataclass(frozen=True)
class Done:
    """A batch that was done in one way."""

    lap: int
    way: str
    jobs: int
    cpu: tuple[float, ...]
    """Processor seconds of each run of the command, with all that it started."""
    seconds: tuple[float, ...]
    """How long each run took."""
    left: int
    """Jobs that the box had to do when the app was killed; 0 where it was not."""
    troubles: tuple[str, ...]

    @property
    def cpu_a_job(self) -> float:
        """In seconds."""
        return sum(self.cpu) / self.jobs


@dataclass(frozen=True)
class Measuring:
    """A house, and where frames lie that are drawn already."""

    house: House
    frames: Path
    seed: int
    jobs: int

    async def do(self, lap: int, way: str, evidence: Path) -> Done:
        """Do the batch in this way, and keep the evidence of what must not be."""
        house, most = self.house, max(_LEAST_SECONDS, self.jobs * _JOB_SECONDS)
        size = Size(
            files=self.jobs, prompts=1, pictures=self.jobs, most_events=1, life_seconds=2 * most
        )
        # What obeys orders takes time to look for them.
        house.laptop.more_environment.clear()
        with house.laptop.config.open("a") as config:
            config.write(f'[upsampling]\nhint_video_dir = "{self.frames}"\n')
        batch = Batch(_NAME, house, size, hands_over=way != SLOTS)
        act = HandOver(signal.SIGKILL, silent=True, handing_seconds=most, alone_seconds=most)
        kind = Kind(HAND_OVER, Side.LAPTOP, lambda _: act, is_history=True)
        faults = deque([Planned(0, kind)] if way == GONE else [])
        await batch.run(faults, len(faults), Random(self.seed))
        troubles = judge(batch).troubles
        if way == GONE and not batch.frozen:
            troubles.append("NEVER: the batch was done before it was handed over")
        troubles += await judge_end(house)
        if troubles:
            troubles.append(keep_evidence(evidence, self.seed, batch, troubles))
        return Done(
            lap, way, self.jobs,
            tuple(life.cpu for life in batch.lives),
            tuple(life.ended - life.began for life in batch.lives),
            sum(frozen.left for frozen in batch.frozen),
            tuple(troubles),
        )  # fmt: skip


async def compare(
    jobs: int, laps: int, seed: int, evidence: Path, say: Callable[[str], None]
) -> int:
    """Do so many jobs in each way, so many times; 1 when anything was found that must not be, of which the
    evidence goes into that folder.
    """
    done = await do_all(jobs, laps, seed, evidence, say)
    say(table(done))
    return 1 if any(it.troubles for it in done) else 0


async def do_all(
    jobs: int,
    laps: int,
    seed: int,
    evidence: Path,
    say: Callable[[str], None],
    ways: Sequence[str] = WAYS,
) -> list[Done]:
    """Do so many jobs in each of these ways, so many times; each lap begins with another one."""
    say(f"seed {seed}: {jobs:,} jobs with a picture each, {', '.join(ways)}")
    done: list[Done] = []
    with tempfile.TemporaryDirectory(prefix="hand-over-") as folder:
        frames = Path(folder) / "frames"
        began = time.monotonic()
        await _draw(frames, Path(folder), jobs, seed)
        say(f"{time.monotonic() - began:6.0f} s to draw their frames")
        async with open_field(Path(folder) / "field", disk_mib=0) as site:
            for lap in range(laps):
                first = lap % len(ways)
                for way in (*ways[first:], *ways[:first]):
                    with site.house(f"lap{lap}-{WAYS.index(way)}", "openai") as house:
                        measuring = Measuring(house, frames, seed, jobs)
                        done.append(await measuring.do(lap, way, evidence))
                    say(_line(done[-1]))
    return done


def table(done: Sequence[Done]) -> str:
    """What each way took of the laptop's processor, a job, and by how much that is more than `slots` took."""
    lines = [
        "| way | processor time a job | ÷ slots, of the same lap | seconds |",
        "| --- | ---: | ---: | ---: |",
    ]
    slots = {it.lap: it.cpu_a_job for it in done if it.way == SLOTS}
    for way in WAYS:
        laps = [it for it in done if it.way == way]
        ratios = [it.cpu_a_job / slots[it.lap] for it in laps]
        seconds = [sum(it.seconds) for it in laps]
        lines.append(
            f"| {way} | {1000 * median(it.cpu_a_job for it in laps):.2f} ms | "
            f"{median(ratios):.3f} ({min(ratios):.3f} – {max(ratios):.3f}) | {median(seconds):.0f} |"
        )
    return "\n".join(lines)


def _line(it: Done) -> str:
    runs = ", ".join(
        f"{cpu:.1f} s of processor in {took:.0f} s"
        for cpu, took in zip(it.cpu, it.seconds, strict=True)
    )
    alone = f"; {it.left:,} jobs were left to the box alone" if it.way == GONE else ""
    return "\n".join([f"lap {it.lap}, {it.way}: {runs}{alone}", *(f"    {t}" for t in it.troubles)])


async def _draw(frames: Path, folder: Path, jobs: int, seed: int) -> None:
    """Draw what the batches will look at, so that no way has to."""
    layer = Layer("hand-over", {"upsampling": {"hint_video_dir": str(frames)}})
    planner = Planner(check_layers([layer]).upsampling, TextCounter())
    picture = folder / "picture.ppm"
    for scene in make_scenes(_NAME, jobs, 1, jobs, Random(seed)):
        assert scene.picture is not None
        picture.write_bytes(scene.picture)
        plan = planner.plan(scene.prompt, ShownMedia(picture))
        assert plan.video is not None
        assert plan.size is not None
        chosen = choose_frames(plan.video, plan.frames, planner.settings.frame_sampling)
        await prepare_frames(plan.video, chosen, plan.size, frames)
