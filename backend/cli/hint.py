"""`upsample hint`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from backend.exit_codes import ExitCode


def hint(
    video: Annotated[Path, Parameter(help="The video.")],
    /,
    *,
    output: Annotated[
        Path | None, Parameter(name=["--output", "-o"], help="Where to; default: hint_video_dir.")
    ] = None,
    force: Annotated[bool, Parameter(help="Replace OUTPUT if it is there.")] = False,
) -> ExitCode:
    """Make the 2 fps hint video of a video, at the size that fits."""
    from backend.commands.hint import make_hint

    return make_hint(video, output, force=force)
