"""`upsample limits`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from backend.cli.parameters import Fingerprint
from backend.exit_codes import ExitCode


def limits(
    *,
    quick: Annotated[bool, Parameter(help="A handful of sizes.")] = False,
    measure: Annotated[bool, Parameter(help="Ask the box's model, too; takes the GPU.")] = False,
    forget: Annotated[
        bool, Parameter(help="Forget what the box has counted, which corrects the estimates.")
    ] = False,
    box: Annotated[str | None, Parameter(help="The box; default: the setting `box`.")] = None,
    output_dir: Annotated[
        Path | None,
        Parameter(
            help="Write CSV, JSON, Markdown, a picture and the test videos into this folder."
        ),
    ] = None,
    frames: Annotated[
        tuple[int, ...], Parameter(help="Frames the model looks at; may be given again.")
    ] = (),
    max_model_len: Annotated[
        tuple[int, ...], Parameter(help="Context length; may be given again.")
    ] = (),
    prompt: Annotated[
        str | None, Parameter(help="Text that goes with them; default: NVIDIA's example.")
    ] = None,
    accept_host_key: Fingerprint = None,
    json: Annotated[bool, Parameter(help="As a JSON object.")] = False,
) -> ExitCode:
    """Show what sizes cost, the largest one that fits each context length, and what that costs on the GPU."""
    from backend.commands.limits import LimitsOptions, forget_what_was_counted, show_limits

    if forget:
        return forget_what_was_counted(box)
    return show_limits(
        LimitsOptions(
            quick=quick,
            measure=measure,
            box=box,
            output_dir=output_dir,
            frames=frames,
            max_model_len=max_model_len,
            prompt=prompt,
            accept_host_key=accept_host_key or "",
            json=json,
        )
    )
