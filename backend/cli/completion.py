"""Declares `upsample completion`."""

from __future__ import annotations

import sys
from typing import Annotated, Literal

from cyclopts import App, Parameter

from backend.exit_codes import ExitCode


def add_completion(app: App) -> None:
    """Add the verb to `app`, whose commands and options it prints."""

    @app.command
    def completion(
        shell: Annotated[
            Literal["bash", "zsh", "fish"],
            Parameter(help="Whose.", name="bash|zsh|fish", show_choices=False),
        ],
        /,
    ) -> ExitCode:
        """Print what teaches your shell the commands and options: source <(upsample completion bash)."""
        sys.stdout.write(app.generate_completion(prog_name="upsample", shell=shell) + "\n")
        return ExitCode.OK
