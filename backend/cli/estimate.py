"""`upsample estimate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from backend.exit_codes import ExitCode

Format = Literal["table", "json", "csv"]
Estimator = Literal["exact", "linear"]


def estimate(
    *paths: Annotated[Path, Parameter(help="Specs, folders, videos, images or frame_%04d.png.")],
    resolution: Annotated[
        tuple[str, ...], Parameter(help="Size to weigh (WxH); may be given again.")
    ] = (),
    frames: Annotated[int | None, Parameter(help="Frames the model looks at.")] = None,
    prompt: Annotated[str, Parameter(help="Text that goes with them.")] = "",
    max_model_len: Annotated[
        tuple[int, ...], Parameter(help="Context length; may be given again.")
    ] = (),
    estimator: Annotated[
        Estimator | None,
        Parameter(
            help="How vision tokens are counted; default: the setting `estimator`.",
            metavar="exact|linear",
            show_choices=False,
        ),
    ] = None,
    format: Annotated[  # noqa: A002
        Format,
        Parameter(
            help="How to print it.",
            metavar="table|json|csv",
            show_choices=False,
            show_default=True,
        ),
    ] = "table",
) -> ExitCode:
    """Show what prompts and sizes cost in tokens; without any, the 25 Cosmos sizes."""
    from backend.commands.estimate import show_estimates

    return show_estimates(paths, resolution, frames, prompt, max_model_len, format, estimator)
