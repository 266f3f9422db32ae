"""The demo: three clips and their specs, for somebody who has none of their own yet."""

from __future__ import annotations

from pathlib import Path

import platformdirs


def demo_folder() -> Path:
    """Return the folder for the demo's clips and specs. It may be deleted at any time."""
    return platformdirs.user_cache_path("upsample") / "demo"


def make_demo() -> Path:
    """Draw the clips and write the specs, and return their folder. Blocks; raises MediaError and OSError."""
    # Late: ffmpeg, and what `upsample demo` needs besides.
    from backend.commands.demo import write_specs
    from backend.commands.demo_clips import CLIPS
    from backend.video.clips import draw_clips

    folder = demo_folder()
    folder.mkdir(parents=True, exist_ok=True)
    if not all((folder / clip.file).exists() for clip in CLIPS):
        draw_clips(CLIPS, folder)
    write_specs(folder)
    return folder
