"""`upsample demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from backend.exit_codes import ExitCode


def demo(
    *,
    draw: Annotated[
        Path | None,
        Parameter(help="Only draw the clips that the specs in examples/ name, into this folder."),
    ] = None,
) -> ExitCode:
    """Upsample three small clips of our own; needs no GPU."""
    from backend.commands.demo import draw_clips_into, run_demo

    return run_demo() if draw is None else draw_clips_into(draw)
