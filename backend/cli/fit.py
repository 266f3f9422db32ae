"""`upsample fit`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from backend.exit_codes import ExitCode


def fit(
    source: Annotated[str, Parameter(help="A video, an image, or a size (WxH).", name="VIDEO|WxH")],
    /,
    *,
    frames: Annotated[int | None, Parameter(help="Frames the model looks at.")] = None,
    prompt: Annotated[str, Parameter(help="Text that goes with them.")] = "",
    json: Annotated[bool, Parameter(help="As a JSON object.")] = False,
) -> ExitCode:
    """Find the largest size that fits the context."""
    from backend.commands.fit import show_fit

    return show_fit(source, frames, prompt, as_json=json)
