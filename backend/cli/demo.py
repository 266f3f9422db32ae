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
    model: Annotated[
        bool,
        Parameter(
            help="Have a small language model write, by the engine llama; needs the extra local-model.",
            negative="",
        ),
    ] = False,
) -> ExitCode:
    """Upsample three small clips of our own; needs no GPU."""
    from backend.commands.demo import draw_clips_into, run_demo

    return run_demo(with_model=model) if draw is None else draw_clips_into(draw)
