"""Jobs that no queue has, for tests of what is done with one job."""

from __future__ import annotations

from pathlib import Path

from backend.config import Layer, check_layers
from backend.store import Job, State


def made_up_job(folder: Path, video: Path | None, prompt: str, **changes: object) -> Job:
    """A queued job for this video, under the shipped settings with changes."""
    changes.setdefault("hint_video_dir", str(folder / "hints"))
    settings = check_layers([Layer("the test", {"upsampling": changes})]).upsampling
    return Job(
        number=1,
        key="k",
        box="local",
        file=folder / "a.json",
        entry=0,
        name="dusk",
        prompt=prompt,
        video=video,
        candidate=1,
        seed=7,
        settings=settings.model_dump_json(),
        destination=folder / "out" / "a.json",
        state=State.QUEUED,
        identity=None,
        estimate=0,
        error="",
        attempts=0,
        queued=0.0,
        changed=0.0,
    )
