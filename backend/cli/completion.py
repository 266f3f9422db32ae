"""`upsample completion`."""

from __future__ import annotations

import sys
from typing import Annotated, Literal

from cyclopts import Parameter

from backend.exit_codes import ExitCode


def completion(
    shell: Annotated[
        Literal["bash", "zsh", "fish"],
        Parameter(help="Whose.", name="bash|zsh|fish", show_choices=False),
    ],
    /,
) -> ExitCode:
    """Print what teaches your shell the commands and options: source <(upsample completion bash)."""
    from backend.cli.verbs import app  # not above: it knows this command

    sys.stdout.write(app.generate_completion(prog_name="upsample", shell=shell) + "\n")
    return ExitCode.OK
