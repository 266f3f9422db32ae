"""`upsample doctor`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from backend.cli.parameters import BoxName, Fingerprint
from backend.exit_codes import ExitCode

DOCTOR_HELP = (
    "Look for what keeps a box from upsampling, and say how to mend it.\n\n"
    "Looks at this machine, the way to the box, the box itself, its GPUs, vLLM, and the model's files.\n\n"
    "Exits with 0 when all is fine, 1 when something failed, 2 when the config cannot be used, and 3 when "
    "the box could not be reached or trusted."
)


def doctor(
    name: BoxName = None,
    /,
    *,
    start: Annotated[
        bool,
        Parameter(help="Start the model, too, and have one token generated; takes the GPU."),
    ] = False,
    accept_host_key: Fingerprint = None,
    json: Annotated[bool, Parameter(help="One JSON object a line, a sum at the end.")] = False,
) -> ExitCode:
    from backend.commands.doctor import run_doctor

    return run_doctor(name, accept_host_key or "", start=start, as_json=json)
