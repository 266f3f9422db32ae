"""Jobs reach a box in the order of the queue, and frames that several jobs show are drawn once."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from backend.box.asker import UnattendedAsker
from backend.box.links import reconnect
from backend.config import load_settings
from backend.dispatch.dispatcher import Dispatcher
from backend.planning.orders import Batch, make_jobs, same_frames_together
from backend.specs.scan import scan
from backend.store import Store
from remote.protocol import Submit
from tests.backend.conftest import RunFfmpeg
from tests.support.near_box import BOX, serving_near


async def test_frames_are_drawn_once_a_video_and_sent_one_after_the_other(
    tmp_path: Path,
    run_ffmpeg: RunFfmpeg,
    ffmpeg_runs: Callable[[], int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("red", "blue"):
        run_ffmpeg("-f", "lavfi", "-i", f"color={name}:s=64x36:r=4:d=1", tmp_path / f"{name}.mp4")
    spec = tmp_path / "specs.jsonl"
    entries = [
        {"visual_input": f"{v}.mp4", "prompt": f"{v} {n}"}
        for n in range(4)
        for v in ("red", "blue")
    ]
    spec.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    monkeypatch.chdir(tmp_path)
    settings = load_settings()
    batch = Batch(
        "h100", settings.boxes["local"], settings.upsampling, tmp_path / "out", candidates=2
    )
    with closing(Store(tmp_path / "queue.db")) as store:
        orders = make_jobs(scan([spec], tmp_path).specs, [spec], batch)
        jobs = store.queue(same_frames_together(orders))
        async with serving_near(tmp_path / "box", slots=1) as box:
            monkeypatch.setattr(reconnect, "open_link", box.open_link)
            box.engine.let()
            async with asyncio.timeout(60):
                await Dispatcher(store, BOX, UnattendedAsker(), lambda _event: None).run(jobs)

    assert ffmpeg_runs() == 2
    # An engine that takes no time may end jobs before others that leave their pictures out have arrived;
    # those are sent again. The order is that in which they were sent at first.
    sent = {m.job: m.request.prompt for m in box.sent if isinstance(m, Submit)}
    videos = [prompt.split()[0] for prompt in sent.values()]
    # Two are prepared at once, so neighbours may change places; the videos change once.
    assert sum(one != other for one, other in itertools.pairwise(videos)) <= 3
    assert len(box.engine.begun) == len(videos) == len(jobs) == 16
