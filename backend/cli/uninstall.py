"""`upsample uninstall`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from backend.cli.parameters import Fingerprint
from backend.exit_codes import ExitCode


def uninstall(
    *,
    yes: Annotated[bool, Parameter(name=["--yes", "-y"], help="Ask nothing; remove it.")] = False,
    dry_run: Annotated[
        bool, Parameter(help="Say what would be removed, and remove nothing.")
    ] = False,
    only_here: Annotated[
        bool, Parameter(help="Leave the boxes alone that are reached by SSH.")
    ] = False,
    force: Annotated[
        bool, Parameter(help="Even while upsample works on the queue, or jobs are on a box.")
    ] = False,
    accept_host_key: Fingerprint = None,
    json: Annotated[bool, Parameter(help="One JSON object for each path.")] = False,
) -> ExitCode:
    """Remove what upsample keeps here and on its boxes, but not results; it asks first.

    The program itself is left to pipx, uv or pip, and the command for that is told.
    """
    from backend.commands.uninstall import UninstallOptions, uninstall_upsample

    options = UninstallOptions(
        yes, dry_run, only_here, force, fingerprint=accept_host_key or "", as_json=json
    )
    return uninstall_upsample(options)
